import type { Bundles } from './bundles.ts';
import type { Durations } from './durations.ts';
import type { Results } from './results.ts';
import type { Worker } from './worker.ts';

/** What every part of the bench works with. */
export interface Bench {
  /** Temporary; holds all data of all runs. */
  readonly directory: string;
  readonly bundles: Bundles;
  readonly durations: Durations;
  readonly results: Results;
  readonly generator: Worker;
  readonly bare: { readonly worker: Worker; readonly port: number };
  /** Where CPU profiles of the services are written to. */
  readonly profiles: string | undefined;
  /** Aborted by the first Ctrl-C: whatever is under way ends and everything is stopped. */
  readonly signal: AbortSignal;
  readonly force: AbortSignal;
  readonly say: (line: string) => void;
}
