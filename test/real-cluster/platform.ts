import { basename, join } from 'node:path';
import { deployables } from '@windlass/local/deployables.ts';
import { repository } from '@windlass/local/directory.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';

export const platformNamespace = 'windlass';
const systemNamespace = 'windlass-system';
const monitoringNamespace = 'windlass-monitoring';
const namespaces = [systemNamespace, platformNamespace, monitoringNamespace];
/** From nothing to everything ready, on a slow machine. */
const readyMs = 10 * 60_000;
const rolloutMs = 5 * 60_000;

const condition = z.object({ type: z.string(), status: z.string(), reason: z.string().optional() });
const conditioned = z.object({
  metadata: z.object({ name: z.string(), generation: z.number().optional() }),
  status: z
    .object({
      conditions: z
        .array(condition.extend({ observedGeneration: z.number().optional() }))
        .default([]),
      observedGeneration: z.number().optional(),
    })
    .optional(),
});
const statefulSets = z.object({
  items: z.array(
    z.object({
      spec: z.object({ replicas: z.number() }),
      status: z.object({ readyReplicas: z.number().default(0) }),
    }),
  ),
});
const podList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        uid: z.string(),
        namespace: z.string(),
        labels: z.record(z.string(), z.string()).default({}),
        deletionTimestamp: z.string().optional(),
      }),
      status: z.object({
        conditions: z.array(condition).default([]),
        containerStatuses: z
          .array(
            z.object({
              name: z.string(),
              restartCount: z.number(),
              lastState: z.object({
                terminated: z.object({ reason: z.string().optional() }).optional(),
              }),
            }),
          )
          .default([]),
      }),
    }),
  ),
});
export type Pod = z.output<typeof podList>['items'][number];

/** What runs of this project in a cluster. */
export class DeployedPlatform {
  private readonly kubectl: Kubectl;

  constructor(kubectl: Kubectl) {
    this.kubectl = kubectl;
  }

  /** Applies the definitions, and all objects of an environment when they are established. */
  async apply(environment: string): Promise<void> {
    const crds = join(repository, 'k8s', 'crds');
    await this.applyFolder(crds);
    await this.kubectl.run('wait', '--for=condition=Established', '--timeout=60s', '-f', crds);
    await this.applyFolder(join(repository, 'k8s', environment));
  }

  /** Resolves when every Deployment and StatefulSet is, and every object of the operator. */
  async ready(): Promise<void> {
    for (const namespace of namespaces) {
      const names = await this.kubectl.run('get', 'deployments', '-n', namespace, '-o', 'name');
      for (const name of names.split('\n').filter(Boolean)) {
        const timeout = `--timeout=${readyMs / 1_000}s`;
        await this.kubectl.run('rollout', 'status', '-n', namespace, name, timeout);
      }
    }
    await until('every StatefulSet is ready', () => this.statefulSetsReady(), {
      withinMs: readyMs,
      everyMs: 500,
    });
    await this.natsReady();
  }

  /** Resolves when the cluster is as its object wants it, and what is in it too. */
  async natsReady(): Promise<void> {
    for (const kind of ['natsclusters', 'streams', 'consumers', 'natsusers']) {
      await until(
        `all ${kind} are ready`,
        async () => {
          const list = await this.kubectl.json('get', kind, '-n', platformNamespace);
          const { items } = z.object({ items: z.array(conditioned) }).parse(list);
          return items.length > 0 && items.every(isReady);
        },
        { withinMs: readyMs, everyMs: 500 },
      );
    }
  }

  /** Replaces all pods of a Deployment, as a new version does, and waits for the last. */
  async roll(service: string): Promise<void> {
    const namespace = service === 'operator' ? systemNamespace : platformNamespace;
    const target = `deployment/${service}`;
    await this.kubectl.run('rollout', 'restart', '-n', namespace, target);
    const timeout = `--timeout=${rolloutMs / 1_000}s`;
    await this.kubectl.run('rollout', 'status', '-n', namespace, target, timeout);
  }

  /** Asks for other pods of all NATS servers, and waits until the operator has rolled them. */
  async rollNats(): Promise<void> {
    const before = await this.natsPods();
    const spec = { pods: { annotations: { 'windlass.dev/rolled-at': new Date().toISOString() } } };
    const patch = ['--type=merge', '-p', JSON.stringify({ spec })];
    await this.kubectl.run('patch', 'natscluster', 'nats', '-n', platformNamespace, ...patch);
    await until(
      'every NATS server is another pod',
      async () => (await this.natsPods()).every((uid) => !before.includes(uid)),
      { withinMs: readyMs, everyMs: 1_000 },
    );
    await this.natsReady();
  }

  /** All pods of the platform. */
  async pods(namespace: string = platformNamespace): Promise<readonly Pod[]> {
    return podList.parse(await this.kubectl.json('get', 'pods', '-n', namespace)).items;
  }

  /** Ends a pod as a crash does. */
  async crash(name: string): Promise<void> {
    const now = ['--grace-period=1', '--wait=false'];
    await this.kubectl.run('delete', 'pod', '-n', platformNamespace, name, ...now);
  }

  /** Containers that were started again, and why they had ended. */
  async restarts(): Promise<readonly string[]> {
    const all = await Promise.all(namespaces.map((namespace) => this.pods(namespace)));
    return all.flat().flatMap(({ metadata, status }) =>
      status.containerStatuses
        .filter(({ restartCount }) => restartCount > 0)
        .map(({ restartCount, lastState }) => {
          const reason = lastState.terminated?.reason ?? 'unknown';
          return `${metadata.name} ${restartCount} times (${reason})`;
        }),
    );
  }

  /** What somebody looks at first when a run has failed. */
  async diagnosis(): Promise<string> {
    const asked = [
      ['get', 'pods', '-A', '-o', 'wide'],
      ['get', 'natsclusters,streams,consumers,natsusers,hpa,apiservices', '-n', platformNamespace],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
      ['logs', '-n', systemNamespace, 'deployment/operator', '--tail=40'],
      ...['order', 'inventory', 'payment'].map((name) => {
        const all = ['--all-containers', '--tail=15', '--prefix'];
        return ['logs', '-n', platformNamespace, '-l', `app.kubernetes.io/name=${name}`, ...all];
      }),
    ];
    const parts: string[] = [];
    for (const args of asked) {
      const { output, errors } = await this.kubectl.attempt(...args);
      const lines = `${output}${errors}`.trimEnd().split('\n').slice(-70);
      parts.push(`$ kubectl ${args.join(' ')}`, ...lines);
    }
    return parts.join('\n');
  }

  private async statefulSetsReady(): Promise<boolean> {
    const { items } = statefulSets.parse(
      await this.kubectl.json('get', 'statefulsets', '-n', platformNamespace),
    );
    return (
      items.length > 0 && items.every(({ spec, status }) => status.readyReplicas === spec.replicas)
    );
  }

  /** Unique ids of the pods of the NATS servers. */
  private async natsPods(): Promise<readonly string[]> {
    const jsonpath = 'jsonpath={.items[*].metadata.uid}';
    const selector = 'app.kubernetes.io/name=nats';
    const args = ['get', 'pods', '-n', platformNamespace, '-l', selector, '-o', jsonpath];
    return (await this.kubectl.run(...args)).split(' ').filter(Boolean);
  }

  private async applyFolder(folder: string): Promise<void> {
    await this.kubectl.run('apply', '--server-side', '--force-conflicts', '-f', folder);
  }
}

/** The folders of all services that run as Deployments, consumers before producers. */
export async function services(): Promise<readonly string[]> {
  const names = (await deployables()).map(({ folder }) => basename(folder));
  const last = ['order'];
  return [...names.filter((name) => !last.includes(name)), ...last];
}

export function isPodReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return ready && metadata.deletionTimestamp === undefined;
}

export function isOf({ metadata }: Pod, workload: string): boolean {
  return metadata.labels['app.kubernetes.io/name'] === workload;
}

function isReady({ metadata, status }: z.output<typeof conditioned>): boolean {
  const ready = status?.conditions.find(({ type }) => type === 'Ready');
  const generation = ready?.observedGeneration ?? status?.observedGeneration;
  const isCurrent = generation === undefined || generation === metadata.generation;
  return ready?.status === 'True' && isCurrent;
}
