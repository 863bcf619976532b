import { type Lane, lanes } from '@windlass/contracts/service.ts';

/** How the lanes share what is contended: messages of each while all of them have some. */
export const laneWeights: Readonly<Record<Lane, number>> = { hot: 8, standard: 3, bulk: 1 };
/** Messages of one transaction. Bulk batches are small, so that they never hold a lock long. */
export const batchMax: Readonly<Record<Lane, number>> = { hot: 256, standard: 256, bulk: 64 };
/** A lane that waited this long goes next whatever its weight, in milliseconds. */
export const starvationMs = 1_000;

/** Messages that a replica asks a consumer for ahead: the next batch lies ready behind each. */
export function pulledMax(lane: Lane): number {
  return 2 * batchMax[lane];
}

interface LaneState {
  /** Messages served, divided by the weight: the lane that is furthest behind goes next. */
  served: number;
  waitingSince: number | undefined;
  running: boolean;
  /** Neither waiting nor running when it was last looked at. */
  idle: boolean;
}

/**
 * Decides which lane's batch runs next. Each lane runs one batch at a time, so that its order
 * is kept; `slots` batches run at once in all. One place is kept free of bulk work, so that an
 * urgent batch never waits for a large one to end. Pure: the clock is a parameter.
 */
export class LaneScheduler {
  private readonly slots: number;
  /** What the lane that was started last had been served by then: start-time fair queueing. */
  private virtualTime = 0;
  private readonly states = new Map<Lane, LaneState>(
    lanes.map((lane) => [lane, { served: 0, waitingSince: undefined, running: false, idle: true }]),
  );

  constructor(slots: number) {
    this.slots = slots;
  }

  /** The lane to start now, given which have work; `undefined` when none may start. */
  next(hasWork: (lane: Lane) => boolean, now: number): Lane | undefined {
    const running = [...this.states.values()].filter((state) => state.running).length;
    const mayRunBulk = this.slots === 1 || running < this.slots - 1;
    let chosen: Lane | undefined;
    let starving: Lane | undefined;
    for (const lane of lanes) {
      const state = this.state(lane);
      if (state.running) continue;
      if (!hasWork(lane)) {
        state.idle = true;
        state.waitingSince = undefined;
        continue;
      }
      if (state.idle) {
        // What was idle has collected no credit, and owes nothing for having been alone.
        state.served = Math.max(state.served, this.virtualTime);
        state.idle = false;
      }
      state.waitingSince ??= now;
      if (lane === 'bulk' && !mayRunBulk && now - state.waitingSince < starvationMs) continue;
      if (chosen === undefined || state.served < this.state(chosen).served) chosen = lane;
      const waited = now - state.waitingSince;
      if (waited >= starvationMs && waited > this.waited(starving, now)) starving = lane;
    }
    const lane = starving ?? chosen;
    if (lane === undefined) return undefined;
    // A starving lane has a place of its own above the limit.
    if (running >= this.slots && starving === undefined) return undefined;
    return lane;
  }

  started(lane: Lane, messages: number): void {
    const state = this.state(lane);
    this.virtualTime = Math.max(this.virtualTime, state.served);
    state.served += messages / laneWeights[lane];
    state.waitingSince = undefined;
    state.running = true;
  }

  ended(lane: Lane): void {
    this.state(lane).running = false;
  }

  private waited(lane: Lane | undefined, now: number): number {
    return lane === undefined ? 0 : now - (this.state(lane).waitingSince ?? now);
  }

  private state(lane: Lane): LaneState {
    const state = this.states.get(lane);
    if (state === undefined) throw new Error(`there is no lane ${lane}`);
    return state;
  }
}
