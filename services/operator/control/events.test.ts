import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import { EventRecorder, events } from './events.ts';
import type { HttpClient } from './http-client.ts';
import type { KubeObject } from './objects.ts';
import { connect, silent } from './testing/widgets.ts';
import type { CallRecord } from './transport.ts';

jest.setTimeout(120_000);

await describeCluster('events', (access) => {
  const calls: CallRecord[] = [];
  let kube: HttpClient;
  let close: () => Promise<void>;
  let namespace: string;

  beforeAll(async () => {
    ({ kube, close } = await connect(access, (record) => calls.push(record)));
  });
  beforeEach(async () => {
    namespace = await freshNamespace(access);
    calls.length = 0;
  });
  afterAll(async () => {
    await close();
  });

  const about = (name: string): KubeObject => ({
    apiVersion: 'test.windlass.dev/v1',
    kind: 'Widget',
    metadata: { name, namespace, uid: `uid-of-${name}` },
  });
  const recorder = (now: () => number = Date.now) =>
    new EventRecorder({ kube, logger: silent, instance: 'one', now });
  const told = async () =>
    (await kube.list(events, { namespace })).map(
      ({ type, reason, message, count }) => `${type} ${reason} ${message} ×${count}`,
    );

  test('of the same are one that counts, also over a restart', async () => {
    for (const each of [recorder(), recorder()]) {
      each.record(about('a'), 'Normal', 'Created', 'It is there.');
      await each.flush();
      each.record(about('a'), 'Normal', 'Created', 'It is there.');
      await each.flush();
    }
    expect(await told()).toEqual(['Normal Created It is there. ×2']);
  });

  test('of different things are different ones', async () => {
    const all = recorder();
    all.record(about('a'), 'Normal', 'Created', 'It is there.');
    all.record(about('a'), 'Warning', 'Refused', 'It cannot be.');
    all.record(about('b'), 'Normal', 'Created', 'It is there.');
    await all.flush();
    expect((await told()).length).toBe(3);
  });

  test('of one object have a bounded rate, and what exceeds it is counted', async () => {
    let now = Date.now();
    const all = recorder(() => now);
    for (let each = 1; each <= 50; each++) {
      all.record(about('a'), 'Warning', 'Refused', 'It cannot be.');
      await all.flush();
    }
    expect(await told()).toEqual(['Warning Refused It cannot be. ×10']);
    now += 60_000;
    all.record(about('a'), 'Warning', 'Refused', 'It cannot be.');
    await all.flush();
    expect(await told()).toEqual(['Warning Refused It cannot be. ×51']);
    expect(calls.filter(({ verb }) => verb === 'apply').length).toBe(11);
  });

  test('that cannot be written hurt nobody', async () => {
    const all = recorder();
    const nowhere = { ...about('a'), metadata: { ...about('a').metadata, namespace: 'none' } };
    all.record(nowhere, 'Normal', 'Created', 'It is there.');
    await expect(all.flush()).resolves.toBeUndefined();
  });
});
