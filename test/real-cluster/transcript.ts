/** What was checked, with figures, as lines that are printed when they are known. */
export class Transcript {
  private readonly write: (line: string) => void;
  private readonly strict: boolean;
  private readonly startedAt = performance.now();
  private passed = 0;
  private failed = 0;
  private skipped = 0;
  private reached = 0;
  private missed = 0;

  /** `strict`: a figure that is missed is a failure. */
  constructor(write: (line: string) => void, strict = false) {
    this.write = write;
    this.strict = strict;
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
      this.say(`FAILED: ${title}: ${reasonOf(error)}`);
      return false;
    }
  }

  /** A figure that says as much about the machine as about what was measured on it. */
  figure(title: string, isReached: boolean, measured: string): void {
    if (isReached) this.reached++;
    else this.missed++;
    this.say(`${isReached ? 'reached' : 'MISSED'}: ${title}: ${measured}`);
  }

  skip(title: string, reason: string): void {
    this.skipped++;
    this.say(`skipped: ${title}: ${reason}`);
  }

  get isGreen(): boolean {
    return !this.hasFailed && this.passed > 0;
  }

  get hasFailed(): boolean {
    return this.failed > 0 || (this.strict && this.missed > 0);
  }

  totals(): string {
    const figures = `${this.reached} figures reached, ${this.missed} missed`;
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped; ${figures}`;
  }
}

/** With what is behind it: a wait that was in vain tells only that. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause === undefined ? message : `${message} (${reasonOf(cause)})`;
}
