import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import { describeCluster } from '../../../test/cluster/testing.ts';
import { events } from './events.ts';
import { ReconcileError } from './kind.ts';
import { type FaultProxy, startFaultProxy } from './testing/fault-proxy.ts';
import { type LoopRig, type RigOptions, startLoop } from './testing/loop-rig.ts';
import { configMaps, connect, installWidgets, widgets } from './testing/widgets.ts';

jest.setTimeout(120_000);

const finalizer = 'windlass.dev/finalizer';

await describeCluster('the control loop', (access) => {
  let rig: LoopRig;
  let proxy: FaultProxy;
  const start = async (options: RigOptions = {}) => {
    rig = await startLoop(access, options);
  };
  const sizeOf = (name: string) => rig.shelf.sizes.get(`${rig.namespace}/${name}`);
  const hasSize = (name: string, size: number | undefined) => until(() => sizeOf(name) === size);
  /** Writes to the API server since the last call. */
  const writes = () => rig.writes.splice(0);
  /** Waits until every object was looked at again so often. */
  const looks = async (count: number) => {
    const before = rig.shelf.looks.length;
    for (let round = 1; round <= count; round++) {
      rig.loop.enqueueAll(widgets);
      await until(() => rig.shelf.looks.length >= before + round);
    }
    await until(() => rig.loop.depths().every(({ active }) => active === 0));
  };

  beforeAll(async () => {
    const { kube, close } = await connect(access);
    await installWidgets(kube);
    await close();
    proxy = await startFaultProxy(access.kubeconfig);
  });
  afterEach(async () => {
    proxy.clear();
    await rig.stop();
  });
  afterAll(async () => {
    await proxy.close();
  });

  describe('of an object that is well', () => {
    test('makes it so, says so, and then writes nothing any more', async () => {
      await start({ resyncMs: 300 });
      await rig.make('a', { size: 3 });
      await rig.isReady('a');
      expect(sizeOf('a')).toBe(3);
      expect(await rig.status('a')).toMatchObject({ observedGeneration: 1, size: 3 });
      expect((await rig.read('a'))?.metadata.finalizers).toEqual([finalizer]);
      expect(writes()).toEqual(['apply widgets 200', 'apply widgets/status 200']);
      const before = rig.shelf.looks.length;
      await until(() => rig.shelf.looks.length >= before + 4);
      expect(writes()).toEqual([]);
    });

    test('does not look again for what it wrote itself', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      // What is made after it is told by the same watch after it.
      await rig.make('b');
      await rig.isReady('b');
      const looksAt = (name: string) =>
        rig.shelf.looks.filter((key) => key === `${rig.namespace}/${name}`).length;
      expect(looksAt('a')).toBe(2);
    });

    test('follows a change of the spec, of the world and of what it watches', async () => {
      await start();
      await rig.make('a', { size: 5 });
      await rig.isReady('a');
      await rig.respec('a', { size: 7 });
      await hasSize('a', 7);
      await rig.isReady('a');
      rig.shelf.sizes.delete(`${rig.namespace}/a`);
      rig.loop.enqueue(widgets, `${rig.namespace}/a`);
      await hasSize('a', 7);
      await rig.kube.create(configMaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'limit', namespace: rig.namespace, labels: { limits: 'widgets' } },
        data: { limit: '2' },
      });
      await hasSize('a', 2);
      await rig.kube.delete(configMaps, { namespace: rig.namespace, name: 'limit' });
      await hasSize('a', 7);
    });

    test('writes figures alone only when one moved by more than 5 %, and not often', async () => {
      await start();
      rig.shelf.messages = 100;
      await rig.make('a');
      await rig.isReady('a');
      expect((await rig.status('a')).messages).toBe(100);
      writes();
      rig.shelf.messages = 104;
      await looks(2);
      rig.shelf.messages = 500;
      await looks(2);
      expect(writes()).toEqual([]);
      await rig.respec('a', { size: 2 });
      await rig.isReady('a');
      expect((await rig.status('a')).messages).toBe(500);
    });

    test('does not write what the API server makes something else of again', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      expect(await rig.status('a')).toMatchObject({ color: 'none' });
      writes();
      await looks(3);
      expect(writes()).toEqual([]);
    });
  });

  describe('of an object that fails', () => {
    test('says why, of this generation, and goes on trying', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      const since = (await rig.condition('a', 'Ready'))?.lastTransitionTime;
      rig.shelf.failure = new ReconcileError('NATSUnreachable', 'Nobody answers.');
      await rig.respec('a', { size: 9 });
      await rig.isReady('a', 'False');
      expect(await rig.status('a')).toMatchObject({ observedGeneration: 2, size: 1 });
      expect(await rig.condition('a', 'Ready')).toMatchObject({
        reason: 'NATSUnreachable',
        message: 'Nobody answers.',
        observedGeneration: 2,
      });
      expect(await rig.condition('a', 'Reconciling')).toMatchObject({ status: 'True' });
      expect(await rig.condition('a', 'Limited')).toMatchObject({ status: 'False' });
      const { length } = rig.shelf.looks;
      await until(() => rig.shelf.looks.length > length + 3);
      rig.shelf.failure = undefined;
      rig.loop.enqueueAll(widgets);
      await rig.isReady('a');
      expect(sizeOf('a')).toBe(9);
      expect(since).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    });

    test('waits for somebody when no repetition helps', async () => {
      await start();
      rig.shelf.failure = new ReconcileError('Refused', 'It cannot be.', { isStalled: true });
      await rig.make('a');
      await rig.isReady('a', 'False');
      expect(await rig.condition('a', 'Stalled')).toMatchObject({ status: 'True' });
      expect(await rig.condition('a', 'Reconciling')).toMatchObject({ status: 'False' });
      await until(() => rig.results.includes('stalled'));
      rig.shelf.failure = undefined;
      await rig.respec('a', { size: 2 });
      await rig.isReady('a');
    });

    test('is no reason to end, whatever is thrown', async () => {
      await start();
      rig.shelf.failure = new TypeError('at nats://me:secret@host');
      await rig.make('a');
      await rig.isReady('a', 'False');
      expect(await rig.condition('a', 'Ready')).toMatchObject({
        reason: 'InternalError',
        message: 'at nats://me:[secret]@host',
      });
      rig.shelf.failure = undefined;
      await rig.isReady('a');
    });

    test('says what the API server does not take of its status', async () => {
      await start();
      rig.shelf.overrule = { status: { unknown: 'any' } };
      await rig.make('a');
      await rig.isReady('a', 'False');
      const { reason, message } = (await rig.condition('a', 'Ready')) ?? {};
      expect([reason, message]).toEqual(['Invalid', expect.stringContaining('.status.unknown')]);
      rig.shelf.overrule = {};
      await rig.isReady('a');
    });

    test('tells one event, however often it fails', async () => {
      await start();
      rig.shelf.failure = new ReconcileError('NATSUnreachable', 'Nobody answers.');
      await rig.make('a');
      const told = async () => await rig.kube.list(events, { namespace: rig.namespace });
      await until(async () => (await told()).length > 0);
      await looks(5);
      expect(await told()).toMatchObject([
        { reason: 'NATSUnreachable', type: 'Warning', count: 1, involvedObject: { name: 'a' } },
      ]);
    });

    test('comes back later and later when its plan never comes to an end', async () => {
      await start();
      const actions = [{ describe: 'try again', size: 1 }];
      rig.shelf.overrule = { actions, phase: 'progressing' };
      await rig.make('a');
      await rig.isReady('a', 'False');
      expect(rig.shelf.changes.length).toBeGreaterThanOrEqual(4);
      rig.shelf.overrule = {};
      await rig.isReady('a');
    });
  });

  describe('of a deleted object', () => {
    test('lets it go when its plan says so', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      rig.shelf.overrule = { isReleased: false };
      await rig.remove('a');
      await hasSize('a', undefined);
      await looks(1);
      expect((await rig.read('a'))?.metadata.finalizers).toEqual([finalizer]);
      rig.shelf.overrule = {};
      rig.loop.enqueueAll(widgets);
      await rig.isGone('a');
    });

    test('writes no status after it let it go', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      writes();
      await rig.remove('a');
      await rig.isGone('a');
      await until(() => rig.results.includes('released'));
      expect(writes()).toEqual(['apply widgets 200']);
    });

    test('leaves the finalizers of others alone', async () => {
      await start();
      await rig.make('a', { size: 1 }, { finalizers: ['test.windlass.dev/other', finalizer] });
      await rig.isReady('a');
      await rig.remove('a');
      const others = ['test.windlass.dev/other'];
      const held = async () => (await rig.read('a'))?.metadata.finalizers;
      await until(async () => (await held())?.join() === others.join());
      const place = { namespace: rig.namespace, name: 'a' };
      await rig.kube.merge(widgets, place, { metadata: { finalizers: null } });
      await rig.isGone('a');
    });

    test('does not hold what needs no finalizer', async () => {
      await start();
      await rig.make('a', { size: 1, keep: true });
      await rig.isReady('a');
      expect((await rig.read('a'))?.metadata.finalizers).toBeUndefined();
      await rig.respec('a', { keep: false });
      const isHeld = async () => (await rig.read('a'))?.metadata.finalizers !== undefined;
      await until(isHeld);
      await rig.respec('a', { keep: true });
      await until(async () => !(await isHeld()));
      await rig.remove('a');
      await rig.isGone('a');
    });
  });

  describe('of an object that is held', () => {
    test('by a pause does nothing but say so, once', async () => {
      await start();
      await rig.make('a');
      await rig.isReady('a');
      await rig.annotate('a', { 'windlass.dev/paused': 'true' });
      const reconciling = () => rig.condition('a', 'Reconciling');
      await until(async () => (await reconciling())?.reason === 'Paused');
      writes();
      const { length } = rig.shelf.looks;
      await rig.respec('a', { size: 8 });
      await until(() => rig.results.filter((each) => each === 'paused').length > 1);
      expect([writes(), rig.shelf.looks.length - length, sizeOf('a')]).toEqual([[], 0, 1]);
      expect(await rig.status('a')).toMatchObject({ observedGeneration: 1, size: 1 });
      expect(await rig.condition('a', 'Ready')).toMatchObject({ status: 'True' });
      await rig.annotate('a', { 'windlass.dev/paused': null });
      await rig.isReady('a');
      expect([sizeOf('a'), (await reconciling())?.reason]).toEqual([8, 'Converged']);
    });

    test('by a dry run shows the plan and does nothing', async () => {
      await start();
      await rig.make('a', { size: 4 }, { annotations: { 'windlass.dev/dry-run': 'true' } });
      const plan = async () => (await rig.status('a'))?.plan;
      await until(async () => (await plan())?.join() === 'set the size to 4');
      expect(await rig.condition('a', 'Reconciling')).toMatchObject({ reason: 'DryRun' });
      expect((await rig.read('a'))?.metadata.finalizers).toBeUndefined();
      expect([rig.shelf.changes, writes()]).toEqual([[], ['apply widgets/status 200']]);
      await looks(2);
      expect(writes()).toEqual([]);
      await rig.annotate('a', { 'windlass.dev/dry-run': null });
      await rig.isReady('a');
      expect([sizeOf('a'), await plan()]).toEqual([4, undefined]);
    });
  });

  describe('with an API server that has troubles', () => {
    test('comes back when that asks for a pause, and blames no object', async () => {
      await start({ front: proxy });
      let refused = 0;
      proxy.setFault(({ method }) => {
        if (method !== 'PATCH' || refused++ >= 8) return false;
        return { status: 429, headers: { 'retry-after': '6' } };
      });
      await rig.make('a');
      await until(() => rig.results.includes('postponed'));
      proxy.setFault(() => false);
      await rig.isReady('a');
      expect(await rig.condition('a', 'Ready')).toMatchObject({ reason: 'OnShelf' });
    });

    test('goes on when all connections break in the midst of work', async () => {
      await start({ front: proxy });
      const names = Array.from({ length: 20 }, (_, index) => `a${index}`);
      const made = names.map(async (name, index) => {
        await rig.make(name, { size: index });
        if (index % 5 === 0) proxy.dropConnections();
      });
      await Promise.all(made);
      for (const name of names) await rig.isReady(name);
      expect(names.map(sizeOf)).toEqual(names.map((_, index) => index));
    });
  });

  test('writes nothing after the lease is lost, and blames no object', async () => {
    await start();
    await rig.make('a');
    await rig.isReady('a');
    writes();
    rig.loseLease();
    const { length } = rig.shelf.looks;
    await rig.respec('a', { size: 6 });
    await until(() => rig.shelf.looks.length > length);
    await looks(1);
    expect([writes(), sizeOf('a')]).toEqual([[], 1]);
    expect(await rig.condition('a', 'Ready')).toMatchObject({ status: 'True' });
  });
});
