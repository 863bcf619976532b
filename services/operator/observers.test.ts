import { expect, test } from '@jest/globals';
import { pods, secrets } from './api/core.ts';
import { natsClusters, streams } from './api/kinds.ts';
import type { Context, Kind } from './control/kind.ts';
import { createOperatorMetrics } from './metrics.ts';
import type { ClusterAction } from './nats-cluster/actions.ts';
import { apiCallObserver, countingSteps, jetStreamObserver, loopObserver } from './observers.ts';

const metrics = createOperatorMetrics({ service: 'operator', enabled: true });
const has = async (line: string) => (await metrics.exposition()).includes(line);

test('counts requests to the API server, and leaves the length of watches out', async () => {
  const observe = apiCallObserver(metrics);
  observe({ verb: 'get', what: 'secrets', status: 200, durationMs: 2 });
  observe({ verb: 'watch', what: 'pods', status: 0, durationMs: 300_000 });
  const of = 'windlass_operator_api_calls_total';
  const labels = (verb: string, what: string, code: string) =>
    `${of}{verb="${verb}",resource="${what}",code="${code}",service="operator"} 1`;
  expect(await has(labels('get', secrets.plural, '200'))).toBe(true);
  expect(await has(labels('watch', pods.plural, 'none'))).toBe(true);
  const seconds = 'windlass_operator_api_call_seconds_count';
  expect(await has(`${seconds}{service="operator",verb="get"} 1`)).toBe(true);
  expect(await has(`${seconds}{service="operator",verb="watch"}`)).toBe(false);
});

test('counts requests to JetStream and what the loop does', async () => {
  jetStreamObserver(metrics)({ api: 'STREAM.INFO', outcome: 'refused', durationMs: 1 });
  const loop = loopObserver(metrics);
  loop.reconciled(streams, 'converged', 3);
  loop.retried(streams);
  loop.statusWritten(streams);
  loop.restarted(pods, 'Unreachable');
  loop.missed(pods, 2);
  for (const line of [
    'jetstream_calls_total{api="STREAM.INFO",outcome="refused",service="operator"} 1',
    'reconcile_seconds_count{service="operator",kind="Stream",result="converged"} 1',
    'retries_total{kind="Stream",service="operator"} 1',
    'status_writes_total{kind="Stream",service="operator"} 1',
    'watch_restarts_total{resource="pods",service="operator"} 1',
    'relist_misses_total{resource="pods",service="operator"} 2',
  ]) {
    expect(await has(`windlass_operator_${line}`)).toBe(true);
  }
});

test('counts the steps that touch a running cluster, once they are done', async () => {
  const done: string[] = [];
  const kind: Kind<undefined, ClusterAction> = {
    resource: natsClusters,
    watches: [],
    needsFinalizer: () => false,
    observe: async () => undefined,
    plan: () => ({ actions: [], phase: 'ready', reason: 'Ready', message: 'All is well.' }),
    act: async ({ describe }) => {
      if (describe === 'fail') throw new Error('failed');
      done.push(describe);
    },
  };
  const counting = countingSteps(kind, metrics);
  const object = { apiVersion: 'v1', kind: 'NatsCluster', metadata: { name: 'main' } };
  const act = (describe: string) => {
    const action: ClusterAction = { do: 'removePeer', server: 'main-2', describe };
    return counting.act(action, object, {} as Context);
  };
  await act('remove');
  await expect(act('fail')).rejects.toThrow('failed');
  const apply: ClusterAction = { do: 'apply', resource: pods, object, describe: 'apply' };
  await counting.act(apply, object, {} as Context);
  expect(done).toEqual(['remove', 'apply']);
  const steps = 'windlass_operator_roll_steps_total';
  expect(await has(`${steps}{step="removePeer",service="operator"} 1`)).toBe(true);
  expect(await has(`${steps}{step="apply"`)).toBe(false);
});
