import type { Config } from '@windlass/runtime/config.ts';
import { OpsServer } from '@windlass/runtime/http/ops.ts';
import { createLogger, type Logger } from '@windlass/runtime/telemetry/log.ts';
import { followAdvisories } from './assets/advisories.ts';
import type { AssetParts } from './assets/asset-watches.ts';
import { Connections } from './assets/connections.ts';
import { consumerKind } from './assets/consumer.ts';
import { keyValueKind } from './assets/key-value.ts';
import { Lookup } from './assets/lookup.ts';
import { endpointOf } from './assets/object-endpoint.ts';
import { objectStoreKind } from './assets/object-store.ts';
import { streamKind } from './assets/stream.ts';
import type { OperatorConfig } from './config.ts';
import { type KubeAccess, kubeAccess } from './control/kube-config.ts';
import { LeaderElection } from './control/lease.ts';
import { ControlLoop } from './control/loop.ts';
import { ReflectedCache } from './control/reflected-cache.ts';
import { consumersIn } from './lag/consumer-objects.ts';
import { LagApi } from './lag/lag-api.ts';
import { askLeader } from './lag/leader.ts';
import { Registration } from './lag/registration.ts';
import { ApiError } from './lag/status.ts';
import { createOperatorMetrics, type OperatorMetrics } from './metrics.ts';
import { NamespacedClient } from './namespaced-client.ts';
import { natsClusterKind } from './nats-cluster/nats-cluster.ts';
import { assetReading, clusterReading, NatsGauges } from './nats-gauges.ts';
import { KeyProofs } from './nats-user/key-proofs.ts';
import { natsUserKind } from './nats-user/nats-user.ts';
import {
  apiCallObserver,
  countingSteps,
  countObjects,
  jetStreamObserver,
  loopObserver,
} from './observers.ts';
import { Readiness } from './readiness.ts';

export interface Operator {
  readonly opsPort: number;
  /** Of the external metrics; undefined until they are served. */
  readonly lagPort: number | undefined;
  readonly isLeader: boolean;
  /** Finishes what is under way, gives the lease back and ends, within the drain time. */
  stop(): Promise<void>;
}

/**
 * Starts the operator and resolves when its health can be asked for. An API server or a NATS that
 * is away does not end it: it waits for them. Throws one sentence when no kubeconfig is usable.
 */
export async function startOperator(config: Config, settings: OperatorConfig): Promise<Operator> {
  const { service, telemetry } = config;
  const logger = createLogger({
    service,
    replica: config.replica,
    level: telemetry.logLevel,
    file: telemetry.logFile,
    enabled: telemetry.enabled,
  });
  const metrics = createOperatorMetrics({ service, enabled: telemetry.enabled });
  const parts = new Assembly({ config, settings, logger, metrics });
  return await parts.start();
}

function accessOf(service: string, kubeconfig: string | undefined): KubeAccess {
  try {
    return kubeAccess(kubeconfig === undefined ? {} : { kubeconfig });
  } catch (cause) {
    throw new Error(`${service}: KUBECONFIG must be a kubeconfig that can be read.`, { cause });
  }
}

interface Given {
  readonly config: Config;
  readonly settings: OperatorConfig;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
}

/** All parts of one process, in the order in which they need each other. */
class Assembly {
  private readonly given: Given;
  private readonly access: KubeAccess;
  private readonly kube: NamespacedClient;
  private readonly cache: ReflectedCache;
  private readonly election: LeaderElection;
  private readonly loop: ControlLoop;
  private readonly assets: AssetParts;
  private readonly lagApi: LagApi | undefined;
  private readonly ops: OpsServer;
  private readonly stopping = new AbortController();

  constructor(given: Given) {
    this.given = given;
    const { config, settings, logger, metrics } = given;
    const access = accessOf(config.service, settings.kubeconfig);
    this.access = access;
    const { watchNamespace } = settings;
    this.kube = new NamespacedClient({ access, onCall: apiCallObserver(metrics) }, watchNamespace);
    const observer = loopObserver(metrics);
    this.cache = new ReflectedCache({ kube: this.kube, logger, observer });
    const { namespace, lease } = settings;
    this.election = new LeaderElection({
      ...{ kube: this.kube, namespace, name: lease.name, timings: lease.timings },
      ...{ identity: config.replica, logger },
    });
    const { fence } = this.election;
    this.loop = new ControlLoop({
      kube: this.kube.fencedBy(fence),
      ...{ cache: this.cache, fence, logger, observer, instance: config.replica },
      ...{ resyncMs: settings.resyncMs, concurrency: settings.workers },
    });
    this.assets = this.assetParts();
    this.addKinds();
    this.lagApi = this.makeLagApi();
    this.ops = this.makeOps();
    this.measure();
  }

  async start(): Promise<Operator> {
    const { config, logger } = this.given;
    const opsPort = await this.ops.listen(config.http.opsPort, config.http.host);
    this.loop.start();
    this.lagApi?.start();
    const leading = this.election.run(this.stopping.signal, (signal) => {
      this.lagApi?.wake();
      return this.loop.lead(signal);
    });
    const startMs = Math.round(performance.now());
    logger.info({ opsPort, version: config.version, startMs }, 'started');
    const { election, lagApi } = this;
    const stop = () => this.stop(leading);
    return {
      opsPort,
      get lagPort() {
        return lagApi?.port;
      },
      get isLeader() {
        return election.isLeader;
      },
      stop,
    };
  }

  private async stop(leading: Promise<void>): Promise<void> {
    const { config, logger } = this.given;
    logger.info('stopping');
    this.stopping.abort();
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<'overdue'>((resolve) => {
      timer = setTimeout(() => resolve('overdue'), config.timing.drainMs);
    });
    // A lease that is not given back runs out by itself.
    const ended = await Promise.race([this.end(leading), overdue]);
    clearTimeout(timer);
    if (ended === 'overdue') logger.warn('stopped before all had ended');
    else logger.info('stopped');
    await new Promise<void>((resolve) => logger.flush(() => resolve()));
  }

  private async end(leading: Promise<void>): Promise<void> {
    await leading;
    await Promise.all([this.lagApi?.stop(), this.loop.stop()]);
    await this.assets.connections.close();
    await Promise.all([this.access.close(), this.ops.close()]);
  }

  private assetParts(): AssetParts {
    const { settings, logger, metrics } = this.given;
    const { defaultConnection } = settings;
    return {
      connections: new Connections({ logger, onCall: jetStreamObserver(metrics) }),
      lookup: new Lookup(),
      ...(defaultConnection === undefined ? {} : { defaultConnection }),
      onRepair: (kind) => metrics.driftRepaired.of({ kind }).inc(),
    };
  }

  private addKinds(): void {
    const { assets, loop, cache, election } = this;
    const { metrics } = this.given;
    const gauges = new NatsGauges({ metrics, cache, isLeader: () => election.isLeader });
    const cluster = countingSteps(natsClusterKind(assets), metrics);
    loop.add(gauges.watching(cluster, clusterReading));
    loop.add(natsUserKind({ lookup: assets.lookup, proofs: new KeyProofs() }));
    for (const kind of [streamKind, consumerKind, keyValueKind, objectStoreKind]) {
      loop.add(gauges.watching(kind(assets), assetReading));
    }
    const { connections, defaultConnection } = assets;
    followAdvisories({
      ...{ connections, cache },
      enqueue: (resource, key) => loop.enqueue(resource, key),
      ...(defaultConnection === undefined ? {} : { defaultConnection }),
    });
  }

  private makeLagApi(): LagApi | undefined {
    const { config, settings, logger, metrics } = this.given;
    const { externalMetrics, namespace, defaultConnection } = settings;
    if (externalMetrics === undefined) return undefined;
    const { cache, election, assets } = this;
    const kube = this.kube.fencedBy(election.fence);
    const { service: name, servicePort: port, owner } = externalMetrics;
    return new LagApi({
      kube,
      registration: new Registration({
        ...{ kube, logger, service: { namespace, name, port }, owner, now: Date.now },
        isLeader: () => election.isLeader,
      }),
      consumersIn: (asked) => {
        if (cache.isSynced) return consumersIn(cache, asked, defaultConnection);
        throw new ApiError('ServiceUnavailable', 'not all objects are known yet');
      },
      ask: askLeader(async ({ object }) => {
        const context = { cache, kube };
        const endpoint = await endpointOf(object, assets.lookup, context, defaultConnection);
        return assets.connections.open(endpoint);
      }),
      ...{ host: config.http.host, port: config.http.port, logger },
      onAnswer: (status) => metrics.lagRequests.of({ code: String(status) }).inc(),
    });
  }

  private makeOps(): OpsServer {
    const { settings, metrics } = this.given;
    const readiness = new Readiness({
      kube: this.kube,
      cache: this.cache,
      lease: { namespace: settings.namespace, name: settings.lease.name },
      externalMetrics: () => this.lagApi?.reason,
    });
    return new OpsServer({ ...readiness.checks(), metrics });
  }

  private measure(): void {
    const { metrics } = this.given;
    const { cache, election, loop, assets } = this;
    countObjects(
      metrics,
      cache,
      loop.depths().map(({ resource }) => resource),
    );
    metrics.leader.collectWith((level) => level.of({}).set(election.isLeader ? 1 : 0));
    metrics.connections.collectWith((level) => level.of({}).set(assets.connections.size));
    metrics.queueDepth.collectWith((level) => {
      for (const { resource, ready } of loop.depths()) level.of({ kind: resource.kind }).set(ready);
    });
  }
}
