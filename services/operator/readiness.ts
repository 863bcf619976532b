import type { OpsOptions } from '@windlass/runtime/http/ops.ts';
import { leases } from './api/core.ts';
import type { KubeClient } from './control/client.ts';
import type { ReflectedCache } from './control/reflected-cache.ts';

/** Probes of several watchers within this time ask the API server once. */
const keptMs = 3_000;

export interface ReadinessOptions {
  readonly kube: Pick<KubeClient, 'get'>;
  readonly cache: Pick<ReflectedCache, 'isSynced'>;
  /** Of the process' own Lease. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Why external metrics are not served; undefined when they are, or need not be. */
  readonly externalMetrics: () => string | undefined;
}

/**
 * A replica is ready when it reaches the API server and knows all objects, whether it leads or
 * not: it serves external metrics and can take over at once. NATS is not asked, because there
 * may be many, and one that is away is a condition of its objects.
 */
export class Readiness {
  private readonly options: ReadinessOptions;
  private asked: { readonly answer: Promise<unknown>; readonly until: number } | undefined;

  constructor(options: ReadinessOptions) {
    this.options = options;
  }

  checks(): Pick<OpsOptions, 'readiness' | 'health'> {
    const { cache, externalMetrics } = this.options;
    return {
      readiness: [
        async () => {
          await this.reach();
          return cache.isSynced ? undefined : 'not all objects are known yet';
        },
      ],
      health: {
        kubernetes: async () => {
          await this.reach();
          return undefined;
        },
        'external-metrics': async () => {
          const reason = externalMetrics();
          if (reason !== undefined) throw new Error(reason);
          return undefined;
        },
      },
    };
  }

  /** Rejects when the API server does not answer. That there is no Lease yet is an answer. */
  private async reach(): Promise<void> {
    const now = performance.now();
    if (this.asked === undefined || now >= this.asked.until) {
      const answer = this.options.kube.get(leases, this.options.lease);
      this.asked = { answer, until: now + keptMs };
    }
    await this.asked.answer;
  }
}
