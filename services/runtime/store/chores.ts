import { isUnavailable } from '../failure/database-errors.ts';
import { pause } from '../failure/retry.ts';
import type { Logger } from '../telemetry/log.ts';

/** Work on a schedule. Every replica runs it, so it must be harmless to run twice. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Runs chores until it is stopped; a failed run is logged and tried again next time. */
export class Chores {
  private readonly stopping = new AbortController();
  private readonly loops: Promise<void>[];

  constructor(chores: readonly Chore[], logger: Pick<Logger, 'warn'>) {
    this.loops = chores.map((chore) => this.repeat(chore, logger));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  private async repeat(chore: Chore, logger: Pick<Logger, 'warn'>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // Replicas that started together spread out.
      await pause(chore.everyMs * (0.75 + Math.random() / 2), signal);
      if (signal.aborted) return;
      try {
        await chore.run(signal);
      } catch (error) {
        if (!isUnavailable(error)) logger.warn({ err: error, chore: chore.name }, 'chore failed');
      }
    }
  }
}
