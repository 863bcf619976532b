import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Child, startChild } from '@windlass/local/child.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { describeCluster, freshNamespace } from '../../../test/cluster/testing.ts';
import type { HttpClient } from './http-client.ts';
import { LostLeadership } from './kube-error.ts';
import { LeaderElection, usualLeaseTimings } from './lease.ts';
import type { Resource } from './objects.ts';
import { configMaps, connect, silent } from './testing/widgets.ts';

const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
const durationMs = 4_000;
const testMs = 120_000;

interface Holder extends Child {
  readonly identity: string;
  readonly lines: readonly string[];
}

test('a lease is refused whose holder could not know of its end in time', () => {
  const kube = {} as HttpClient;
  const election = (timings: Partial<typeof usualLeaseTimings>) => () =>
    new LeaderElection({
      kube,
      namespace: 'any',
      name: 'any',
      identity: 'any',
      logger: silent,
      timings: { ...usualLeaseTimings, ...timings },
    });
  expect(election({})).not.toThrow();
  expect(election({ renewDeadlineMs: 10_000 })).toThrow('renew deadline');
  expect(election({ retryMs: 7_000 })).toThrow('renew deadline');
  expect(election({ durationMs: 9_500 })).toThrow('whole seconds');
  expect(election({})().fence).toThrow(LostLeadership);
});

await describeCluster('a lease', (access) => {
  let kube: HttpClient;
  let namespace: string;
  const holders: Holder[] = [];

  beforeAll(async () => {
    ({ kube } = await connect(access));
  }, testMs);
  afterEach(async () => {
    await Promise.all(holders.splice(0).map((holder) => holder.stop('SIGTERM', 10_000)));
  }, testMs);

  async function start(identity: string): Promise<Holder> {
    const lines: string[] = [];
    const program = join(import.meta.dirname, 'testing', 'lease-holder.ts');
    const args = ['--import', 'tsx', program, access.kubeconfig, namespace, identity];
    const child = await startChild({
      command: process.execPath,
      args: [...args, String(durationMs)],
      onLine: (line) => void lines.push(line),
    });
    const holder = { ...child, identity, lines };
    holders.push(holder);
    return holder;
  }

  const says = (holder: Holder, line: string) => until(() => holder.lines.includes(line));

  async function lease() {
    const found = await kube.get(leases, { namespace, name: 'any' });
    return found?.spec as { readonly holderIdentity: string; readonly renewTime: string };
  }

  /** Every version is of one sequence: who wrote later has the greater one. */
  async function versionsOf(writer: string): Promise<readonly number[]> {
    const labelSelector = `writer=${writer}`;
    const maps = await kube.list(configMaps, { namespace, labelSelector });
    return maps.map(({ metadata }) => Number(metadata.resourceVersion));
  }

  /** The one that leads, and the one that waits. */
  async function pair(): Promise<readonly [Holder, Holder]> {
    namespace = await freshNamespace(access);
    const both = await Promise.all([start('one'), start('two')]);
    const first = await until(() => both.find(({ lines }) => lines.includes('wrote')));
    const [one, two] = both;
    const second = first === one ? two : one;
    // It has seen whose the lease is.
    const { length } = second.lines;
    await until(() => second.lines.includes('looked', length));
    return [first, second];
  }

  describe('goes to the other process', () => {
    test(
      'at once when its holder stops, which writes to the end',
      async () => {
        const [first, second] = await pair();
        await first.stop('SIGTERM', 30_000);
        await says(second, 'wrote');
        expect(first.lines.slice(-2)).toEqual(['ends', 'stopped']);
        expect(first.lines).not.toContain('fenced');
        expect(await lease()).toMatchObject({
          holderIdentity: second.identity,
          leaseTransitions: 2,
        });
      },
      testMs,
    );

    test(
      'when its holder is killed',
      async () => {
        const [first, second] = await pair();
        first.kill('SIGKILL');
        await says(second, 'wrote');
        expect(await lease()).toMatchObject({ holderIdentity: second.identity });
      },
      testMs,
    );

    test(
      'when its holder stands still, which writes nothing after that',
      async () => {
        const [first, second] = await pair();
        first.kill('SIGSTOP');
        await says(second, 'wrote');
        first.kill('SIGCONT');
        await says(first, 'ends');
        const [before, after] = [
          await versionsOf(first.identity),
          await versionsOf(second.identity),
        ];
        expect(before.length).toBeGreaterThan(0);
        expect(Math.max(...before)).toBeLessThan(Math.min(...after));
        expect(await lease()).toMatchObject({ holderIdentity: second.identity });
      },
      testMs,
    );
  });

  test(
    'stays with a holder that stood still when nobody else wants it, after a new term',
    async () => {
      namespace = await freshNamespace(access);
      const only = await start('only');
      await says(only, 'wrote');
      only.kill('SIGSTOP');
      await until(async () => {
        const { renewTime } = await lease();
        return Date.now() - Date.parse(renewTime) > durationMs || undefined;
      });
      only.kill('SIGCONT');
      await says(only, 'ends');
      await until(() => only.lines.filter((line) => line === 'leads').length === 2);
    },
    testMs,
  );

  test(
    'that somebody deletes ends the term, and is taken only after its time',
    async () => {
      const [first, second] = await pair();
      await kube.delete(leases, { namespace, name: 'any' });
      await says(first, 'ends');
      await until(() =>
        [first, second].some(({ lines }) => lines.lastIndexOf('leads') > lines.indexOf('ends')),
      );
      const [ofFirst, ofSecond] = [
        await versionsOf(first.identity),
        await versionsOf(second.identity),
      ];
      if (ofSecond.length > 0) expect(Math.max(...ofFirst)).toBeLessThan(Math.min(...ofSecond));
    },
    testMs,
  );
});
