import { writesOf } from './converge.ts';
import type { Scene } from './scene.ts';

const resyncs = 3;
/** Of the operator in this part; in production it is 5 minutes. */
const quickResyncMs = 20_000;
const startedMs = 60_000;
const trafficMs = 90_000;
const messages = 200;

/** The operator once more, with resyncs that a benchmark can wait for. */
export async function startQuick(scene: Scene): Promise<void> {
  const operator = await scene.startOperator({ RESYNC_MS: `${quickResyncMs}` });
  await operator.ready(startedMs);
  // The first look at every object.
  await pass(quickResyncMs);
}

/** Writes to the API server and to JetStream in three resyncs in which nothing happens. */
export async function quietWrites(scene: Scene): Promise<number> {
  scene.say(`three resyncs of ${quickResyncMs / 1_000} s without traffic`);
  const since = Date.now();
  const before = scene.changes();
  // A resync is spread over its time by a jitter: one more for the last of them.
  await pass(quickResyncMs * (resyncs + 1));
  const written = writesOf(await scene.operatorRequests(since));
  return written.length + scene.changes() - before;
}

/** Most status writes of one object within any minute, while there is traffic. */
export async function statusWritesUnderTraffic(scene: Scene, streams: number): Promise<number> {
  const busy = Math.min(10, streams);
  scene.say(`${busy} streams get ${messages} messages a second`);
  const since = Date.now();
  const until = performance.now() + trafficMs;
  while (performance.now() < until) {
    await scene.publish(
      Array.from({ length: messages }, (_, index) => `bench-${index % busy}.traffic`),
    );
    await pass(1_000);
  }
  const times = new Map<string, readonly number[]>();
  for (const { resource, name, at } of writesOf(await scene.operatorRequests(since))) {
    const key = `${resource} ${name}`;
    times.set(key, [...(times.get(key) ?? []), at]);
  }
  return Math.max(0, ...[...times.values()].map(mostInAMinute));
}

/** Times in milliseconds, ascending. */
export function mostInAMinute(times: readonly number[]): number {
  return Math.max(
    0,
    ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length),
  );
}

async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
