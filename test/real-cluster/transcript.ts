/** What was checked, with figures, as lines that are printed when they are known. */
export class Transcript {
  private readonly write: (line: string) => void;
  private readonly startedAt = performance.now();
  private passed = 0;
  private failed = 0;
  private skipped = 0;

  constructor(write: (line: string) => void) {
    this.write = write;
  }

  /** Says what happens now. */
  say(text: string): void {
    const seconds = ((performance.now() - this.startedAt) / 1_000).toFixed(0).padStart(5);
    this.write(`${seconds} s  ${text}`);
  }

  /**
   * Runs one check, whose result is what was measured. Resolves whether it passed: a thrown error
   * is a failure, with its message as the reason.
   */
  async check(title: string, work: () => Promise<string>): Promise<boolean> {
    try {
      const measured = await work();
      this.passed++;
      this.say(`passed: ${title}${measured === '' ? '' : `: ${measured}`}`);
      return true;
    } catch (error) {
      this.failed++;
      this.say(`FAILED: ${title}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  skip(title: string, reason: string): void {
    this.skipped++;
    this.say(`skipped: ${title}: ${reason}`);
  }

  get isGreen(): boolean {
    return this.failed === 0 && this.passed > 0;
  }

  totals(): string {
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`;
  }
}
