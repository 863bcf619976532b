import { until } from '@windlass/runtime/testing/until.ts';
import { percentileOf } from '../histogram.ts';
import type { Scene } from './scene.ts';

const deletions = 100;
const repairMs = 90_000;
const lookGapMs = 5;
const settleMs = 10_000;

/** Deletes streams by hand, one after the other. Seconds until each is there again, p99. */
export async function repair(scene: Scene, streams: number): Promise<number> {
  const seconds: number[] = [];
  const count = Math.min(deletions, streams);
  scene.say(`${count} streams are deleted by hand`);
  for (let index = 0; index < count; index++) {
    const name = `bench-${index}`;
    await scene.ask(`STREAM.DELETE.${name}`);
    const started = performance.now();
    const isBack = () =>
      scene.ask(`STREAM.INFO.${name}`).then(
        () => true,
        () => false,
      );
    await until(`${name} is back`, isBack, { withinMs: repairMs, everyMs: lookGapMs });
    seconds.push((performance.now() - started) / 1_000);
  }
  await consumersAreBack(scene, count);
  return percentileOf(seconds, 0.99);
}

/** What went with a stream comes back as well. */
async function consumersAreBack(scene: Scene, streams: number): Promise<void> {
  await until(
    'the consumers are back',
    async () => {
      for (let index = 0; index < streams; index++) {
        const info = await scene.ask(`STREAM.INFO.bench-${index}`);
        if (Number(Object(info.state).consumer_count) < 2) return false;
      }
      return true;
    },
    { withinMs: repairMs, everyMs: settleMs / 10 },
  );
}
