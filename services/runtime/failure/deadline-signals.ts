import { setMaxListeners } from 'node:events';

/** Calls that begin within so many milliseconds share a signal. */
const slotMs = 500;

/**
 * Signals that are aborted some time after they were given out: after `timeoutMs` at least and
 * half a second more at most. A timer and a controller for each call would cost more than most
 * of what is done with its answer.
 */
export class DeadlineSignals {
  private readonly timeoutMs: number;
  private current: AbortSignal | undefined;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  next(): AbortSignal {
    if (this.current !== undefined) return this.current;
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    setTimeout(() => controller.abort(), this.timeoutMs + slotMs).unref();
    setTimeout(() => {
      this.current = undefined;
    }, slotMs).unref();
    this.current = controller.signal;
    return controller.signal;
  }
}
