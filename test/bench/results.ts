import type { RatioName } from './ratios.ts';

/** One run of the generator, as it is reported. Rates are per second, latencies in milliseconds. */
export interface RunRecord {
  readonly name: string;
  readonly [figure: string]: unknown;
}

/** All that was found out, in the form that is written as JSON. */
export class Results {
  readonly ratios: Partial<Record<RatioName, number>> = {};
  /** The absolute figures behind the ratios, by what they are about. */
  readonly figures: Record<string, unknown> = {};
  readonly runs: RunRecord[] = [];
  /** Invariants that did not hold, each a sentence. */
  readonly broken: string[] = [];
  /** Runs that count although the generator cost more for each request than it should. */
  readonly costlyGenerator = new Set<string>();
  /** Runs that were invalid twice. */
  readonly invalid: string[] = [];
  private runNumber = 0;

  /** Keeps the keys of one run apart from those of all others. */
  nextRun(): number {
    this.runNumber += 1;
    return this.runNumber;
  }

  toJSON() {
    const { ratios, figures, runs, broken, invalid } = this;
    const costlyGenerator = [...this.costlyGenerator];
    return { ratios, figures, runs, broken, invalid, costlyGenerator };
  }
}
