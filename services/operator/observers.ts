import type { Call } from './assets/jet-stream.ts';
import { isReady } from './assets/standing.ts';
import type { Kind } from './control/kind.ts';
import type { Resource } from './control/objects.ts';
import type { LoopObserver } from './control/observer.ts';
import type { ReflectedCache } from './control/reflected-cache.ts';
import type { CallRecord } from './control/transport.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { ClusterAction } from './nats-cluster/actions.ts';

/** Counts requests to the API server. What a watch takes says nothing: it is meant to go on. */
export function apiCallObserver(metrics: OperatorMetrics): (record: CallRecord) => void {
  return ({ verb, what, status, durationMs }) => {
    const code = status === 0 ? 'none' : String(status);
    metrics.apiCalls.of({ verb, resource: what, code }).inc();
    if (verb !== 'watch') metrics.apiCallSeconds.of({ verb }).observe(durationMs / 1_000);
  };
}

export function jetStreamObserver(metrics: OperatorMetrics): (call: Call) => void {
  return ({ api, outcome, durationMs }) => {
    metrics.jetStreamCalls.of({ api, outcome }).inc();
    metrics.jetStreamCallSeconds.of({ api }).observe(durationMs / 1_000);
  };
}

export function loopObserver(metrics: OperatorMetrics): LoopObserver {
  return {
    reconciled: ({ kind }, result, durationMs) =>
      metrics.reconcileSeconds.of({ kind, result }).observe(durationMs / 1_000),
    retried: ({ kind }) => metrics.retries.of({ kind }).inc(),
    statusWritten: ({ kind }) => metrics.statusWrites.of({ kind }).inc(),
    restarted: ({ plural }) => metrics.watchRestarts.of({ resource: plural }).inc(),
    missed: ({ plural }, objects) => metrics.relistMisses.of({ resource: plural }).inc(objects),
  };
}

/**
 * The kind of clusters, with each step that touches a running server or its data counted: what a
 * roll, a scaling, a reload or a replacement consists of.
 */
export function countingSteps<Facts>(
  kind: Kind<Facts, ClusterAction>,
  metrics: OperatorMetrics,
): Kind<Facts, ClusterAction> {
  return {
    ...kind,
    act: async (action, object, context) => {
      await kind.act(action, object, context);
      if (action.do !== 'apply') metrics.rollSteps.of({ step: action.do }).inc();
    },
  };
}

/** Counts the objects of each kind anew at each scrape; none before they are known. */
export function countObjects(
  metrics: OperatorMetrics,
  cache: ReflectedCache,
  resources: readonly Resource[],
): void {
  metrics.objects.collectWith((family) => {
    if (!cache.isSynced) return;
    for (const resource of resources) {
      const objects = cache.list(resource);
      const ready = objects.filter(isReady).length;
      const { kind } = resource;
      family.of({ kind, ready: 'true' }).set(ready);
      family.of({ kind, ready: 'false' }).set(objects.length - ready);
    }
  });
}
