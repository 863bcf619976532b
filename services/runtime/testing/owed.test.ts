import { expect, test } from '@jest/globals';
import { rigOfEachTest } from './consumer-rig.ts';

const at = rigOfEachTest();

test('a message that was just stored is owed, whatever the server has counted', async () => {
  for (let round = 1; round <= 100; round++) {
    await at.rig.publish({ id: 'a', sequence: round });
    expect((await at.rig.owed()).pending).toBeGreaterThan(0);
    await at.rig.ask(`STREAM.PURGE.${at.rig.stream}`);
  }
}, 60_000);

test('nothing is owed of a lane without messages', async () => {
  await at.rig.publish({ id: 'a' });
  expect(await at.rig.owed('bulk')).toEqual({ pending: 0, unacked: 0 });
});
