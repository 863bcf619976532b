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
/** From nothing to everything ready, or from one version of NATS to another, on a slow machine. */
const readyMs = 12 * 60_000;
const rolloutMs = 8 * 60_000;
const establishedMs = 3 * 60_000;
/** A namespace ends after its last pod. */
const removedMs = 4 * 60_000;

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
const workloads = z.object({
  items: z.array(z.object({ spec: z.object({ replicas: z.number().default(1) }) })),
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
                terminated: z
                  .object({ reason: z.string().optional(), exitCode: z.number().optional() })
                  .optional(),
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
  private readonly restarted = new Map<string, string>();

  constructor(kubectl: Kubectl) {
    this.kubectl = kubectl;
  }

  /** Applies the definitions, and all objects of an environment when they are established. */
  async apply(environment: string): Promise<void> {
    const crds = join(repository, 'k8s', 'crds');
    await this.applyFolder(crds);
    await this.kubectl.wait(establishedMs, 'wait', '--for=condition=Established', '-f', crds);
    await this.applyFolder(join(repository, 'k8s', environment));
  }

  /** Deletes what `apply` has made, and resolves when the namespaces have ended as well. */
  async remove(environment: string): Promise<void> {
    for (const folder of [environment, 'crds']) {
      const path = join(repository, 'k8s', folder);
      await this.kubectl.wait(removedMs, 'delete', '--ignore-not-found', '-f', path);
    }
  }

  /** Resolves when every Deployment and StatefulSet is, and every object of the operator. */
  async ready(): Promise<void> {
    for (const namespace of namespaces) {
      const names = await this.kubectl.run('get', 'deployments', '-n', namespace, '-o', 'name');
      for (const name of names.split('\n').filter(Boolean)) {
        await this.rolledOut(namespace, name, readyMs);
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
    const namespace = namespaceOf(service);
    const target = `deployment/${service}`;
    await this.kubectl.run('rollout', 'restart', '-n', namespace, target);
    await this.rolledOut(namespace, target, rolloutMs);
  }

  /** A watch may end before its time, which says nothing about what was watched. */
  private async rolledOut(namespace: string, target: string, withinMs: number): Promise<void> {
    const status = ['rollout', 'status', '-n', namespace, target];
    const isDone = async () => (await this.kubectl.wait(withinMs, ...status)) !== '';
    await until(`${target} is rolled out`, isDone, { withinMs, everyMs: 1_000 });
  }

  /** Asks for other pods of all NATS servers, and waits until the operator has rolled them. */
  async rollNats(): Promise<void> {
    const before = await this.natsPods();
    const spec = { pods: { annotations: { 'windlass.dev/rolled-at': new Date().toISOString() } } };
    const patch = ['--type=merge', '-p', JSON.stringify({ spec })];
    await this.kubectl.run('patch', 'natscluster', 'nats', '-n', platformNamespace, ...patch);
    await until(
      'every NATS server is another pod',
      async () => {
        const now = await this.natsPods();
        return now.length === before.length && now.every((uid) => !before.includes(uid));
      },
      { withinMs: readyMs, everyMs: 1_000 },
    );
    await this.natsReady();
  }

  /**
   * The ready pods of a workload, without those that are on their way out: these are listed until
   * they have drained.
   */
  async readyPods(workload: string): Promise<readonly Pod[]> {
    const pods = await this.pods(namespaceOf(workload));
    return pods.filter((pod) => isOf(pod, workload) && isPodReady(pod));
  }

  /** How many pods a workload is to have now: an autoscaler may change its mind meanwhile. */
  async wanted(workload: string): Promise<number> {
    const selector = `app.kubernetes.io/name=${workload}`;
    const kinds = ['get', 'deployments,statefulsets', '-n', namespaceOf(workload), '-l', selector];
    const { items } = workloads.parse(await this.kubectl.json(...kinds));
    if (items.length === 0) throw new Error(`nothing is called ${workload}`);
    return items.reduce((sum, { spec }) => sum + spec.replicas, 0);
  }

  private async pods(namespace: string): Promise<readonly Pod[]> {
    return podList.parse(await this.kubectl.json('get', 'pods', '-n', namespace)).items;
  }

  /** Ends a pod as a crash does. */
  async crash(name: string): Promise<void> {
    const now = ['--grace-period=1', '--wait=false'];
    await this.kubectl.run('delete', 'pod', '-n', platformNamespace, name, ...now);
  }

  /**
   * Containers that were started again, and why they had ended: of the pods that are there, and of
   * those that were there at earlier looks.
   */
  async restarts(): Promise<readonly string[]> {
    const all = await Promise.all(namespaces.map((namespace) => this.pods(namespace)));
    for (const { metadata, status } of all.flat()) {
      for (const { name, restartCount, lastState } of status.containerStatuses) {
        if (restartCount === 0) continue;
        const { reason = 'unknown', exitCode } = lastState.terminated ?? {};
        const why = `${reason}${exitCode === undefined ? '' : `, code ${exitCode}`}`;
        const text = `${name} of ${metadata.name} ${restartCount} times (${why})`;
        this.restarted.set(`${metadata.uid} ${name}`, text);
      }
    }
    return [...this.restarted.values()];
  }

  /** What somebody looks at first when a run has failed. */
  async diagnosis(): Promise<string> {
    const asked = [
      ['get', 'pods', '-A', '-o', 'wide'],
      ['get', 'natsclusters,streams,consumers,natsusers,hpa,apiservices', '-n', platformNamespace],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
      ['logs', '-n', systemNamespace, 'deployment/operator', '--tail=40'],
      ['logs', '-n', platformNamespace, 'postgres-0', '--tail=20'],
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

/** Those that stand in for what is not ours: a single process each, which is away at times. */
export async function doubles(): Promise<readonly string[]> {
  const found = await deployables();
  return found
    .filter(({ service }) => service.role === 'double')
    .map(({ folder }) => basename(folder));
}

/** Where a workload of the platform runs. */
export function namespaceOf(workload: string): string {
  return workload === 'operator' ? systemNamespace : platformNamespace;
}

function isPodReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return ready && metadata.deletionTimestamp === undefined;
}

function isOf({ metadata }: Pod, workload: string): boolean {
  return metadata.labels['app.kubernetes.io/name'] === workload;
}

function isReady({ metadata, status }: z.output<typeof conditioned>): boolean {
  const ready = status?.conditions.find(({ type }) => type === 'Ready');
  const generation = ready?.observedGeneration ?? status?.observedGeneration;
  const isCurrent = generation === undefined || generation === metadata.generation;
  return ready?.status === 'True' && isCurrent;
}
