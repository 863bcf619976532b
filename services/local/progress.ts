import type { Followed } from './order-load.ts';

const terminalPeriodMs = 100;
const filePeriodMs = 1_000;

/** Where progress goes: rewritten in place on a terminal, a line a second otherwise. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Counts orders and tells about them while they go through the platform. */
export class Progress {
  private readonly count: number;
  private readonly output: Output;
  private readonly startedAt = performance.now();
  private readonly byStatus = new Map<string, number>();
  private readonly tookMs: number[] = [];
  private readonly timer: NodeJS.Timeout;
  private acceptedCount = 0;

  constructor(count: number, output: Output) {
    this.count = count;
    this.output = output;
    const period = output.isTTY === true ? terminalPeriodMs : filePeriodMs;
    this.timer = setInterval(() => this.show(), period);
  }

  readonly accepted = (): void => {
    this.acceptedCount++;
  };

  readonly settled = ({ status, settledMs }: Followed): void => {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    this.tookMs.push(settledMs);
  };

  /** Whether every order was accepted and settled. */
  complete(): boolean {
    return this.tookMs.length === this.count;
  }

  /** The last line stays, with what is missing. */
  end(): void {
    clearInterval(this.timer);
    this.show();
    const missing = this.count - this.tookMs.length;
    const outcome = missing === 0 ? `all ${this.count} settled` : `${missing} not settled`;
    const seconds = (performance.now() - this.startedAt) / 1_000;
    const lineEnd = this.output.isTTY === true ? '\n' : '';
    this.output.write(`${lineEnd}${outcome} in ${seconds.toFixed(1)} s\n`);
  }

  private show(): void {
    const terminal = this.output.isTTY === true;
    this.output.write(terminal ? `\r\x1b[2K${this.line()}` : `${this.line()}\n`);
  }

  private line(): string {
    const seconds = (performance.now() - this.startedAt) / 1_000;
    const statuses = [...this.byStatus].sort().map(([status, times]) => `${status} ${times}`);
    const rate = Math.round(this.tookMs.length / seconds);
    const sorted = this.tookMs.toSorted((a, b) => a - b);
    return [
      `accepted ${this.acceptedCount}/${this.count}`,
      ...statuses,
      `${rate}/s`,
      `p50 ${atQuantile(sorted, 0.5)} p99 ${atQuantile(sorted, 0.99)}`,
    ].join('  ');
  }
}

/** Nearest rank; a dash when there is nothing. */
function atQuantile(sorted: readonly number[], quantile: number): string {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)];
  return value === undefined ? '-' : `${Math.round(value)} ms`;
}
