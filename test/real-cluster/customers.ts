import { until } from '@windlass/runtime/testing/until.ts';
import { z } from 'zod';
import { type OrderLine, orderLine } from './figures.ts';
import { customerImage } from './images.ts';
import type { Kubectl } from './kubectl.ts';

const namespace = 'windlass-customers';
const orderUrl = 'http://order.windlass.svc:8080';
const inventoryUrl = 'http://inventory.windlass.svc:8081';
/** Longer than any deadline of an order that waits for its reservation. */
const settleSeconds = 170;
/** Whatever is under way when no other order is placed has settled by then, or is given up. */
const endMs = 8 * 60_000;
/** How often a customer that has not ended is told again to place no other order. */
const tellMs = 5_000;
/** Not one of the processes that this process itself could be told to end. */
const endOfFirst = "process.kill(1, 'SIGTERM')";

const terminated = z.object({ exitCode: z.number(), reason: z.string().default('unknown') });
const pod = z.object({
  status: z.object({
    phase: z.string().optional(),
    containerStatuses: z
      .array(z.object({ state: z.object({ terminated: terminated.optional() }) }))
      .default([]),
  }),
});
const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export interface Load {
  readonly count: number;
  /** Orders a second at most. */
  readonly rate: number;
}

/** Orders that are being placed. */
export interface Placing {
  /** Resolves with all orders when the last one has come to its end. */
  finished(withinMs: number): Promise<readonly OrderLine[]>;
  /** Places no other order, and resolves as `finished` does. */
  stopped(): Promise<readonly OrderLine[]>;
}

/** Pods that place orders through the Service of the order API, in a namespace of their own. */
export class Customers {
  private readonly kubectl: Kubectl;
  private started = 0;

  constructor(kubectl: Kubectl) {
    this.kubectl = kubectl;
  }

  /** The namespace of the customers. */
  async prepare(): Promise<void> {
    await this.kubectl.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    });
  }

  /** Takes the namespace away again. */
  async leave(): Promise<void> {
    await this.kubectl.run('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false');
  }

  /** The first one brings the sample stock. */
  async place({ count, rate }: Load): Promise<Placing> {
    const stock = this.started === 0 ? ['--stock', inventoryUrl] : [];
    const name = `customer-${this.started++}`;
    const flags = ['--url', orderUrl, ...stock, '--json', '--concurrency', '64'];
    const bounds = ['--count', `${count}`, '--rate', `${rate}`, '--settle', `${settleSeconds}`];
    await this.kubectl.apply(manifestOf(name, ['/app/main.mjs', ...flags, ...bounds]));
    return {
      finished: async (withinMs) => {
        await this.over(name, withinMs);
        return await this.told(name, count);
      },
      stopped: async () => {
        // A pod that does not run yet, or a node that is busy, does not take the first one.
        const tell = async () => {
          const node = ['/nodejs/bin/node', '-e', endOfFirst];
          await this.kubectl.attempt('exec', '-n', namespace, name, '--', ...node);
        };
        await this.over(name, endMs, tell);
        return await this.told(name, 1);
      },
    };
  }

  /** Resolves when the pod has ended; does `meanwhile` every few seconds until then. */
  private async over(name: string, withinMs: number, meanwhile?: () => Promise<void>) {
    let nextAt = 0;
    const isOver = async () => {
      const { status } = await this.podOf(name);
      if (status.phase === 'Succeeded' || status.phase === 'Failed') return true;
      if (meanwhile !== undefined && performance.now() >= nextAt) {
        await meanwhile();
        nextAt = performance.now() + tellMs;
      }
      return false;
    };
    await until(`${name} is over`, isOver, { withinMs, everyMs: 500 });
  }

  /** What a pod that has ended tells of its orders, which must be as many as it placed. */
  private async told(name: string, least: number): Promise<readonly OrderLine[]> {
    const read = () => this.kubectl.run('logs', '-n', namespace, name);
    const text = await until(`${name} is read`, read, { withinMs: 60_000, everyMs: 1_000 });
    const lines = text.split('\n').filter((line) => line.startsWith('{'));
    const { status } = await this.podOf(name);
    // 0: all settled, 1: some failed and say so. Otherwise orders are missing that it followed.
    const broken = status.containerStatuses
      .flatMap(({ state }) => state.terminated ?? [])
      .find(({ exitCode }) => exitCode > 1);
    if (broken !== undefined) throw new Error(`${name} ended too early: ${broken.reason}`);
    if (lines.length < least) {
      const rest = text.split('\n').filter((line) => !line.startsWith('{'));
      throw new Error(`${name} tells of ${lines.length} of ${least} orders: ${rest.join(' ')}`);
    }
    return lines.map((line) => orderLine.parse(JSON.parse(line)));
  }

  private async podOf(name: string): Promise<z.output<typeof pod>> {
    return pod.parse(await this.kubectl.json('get', 'pod', '-n', namespace, name));
  }
}

function manifestOf(name: string, args: readonly string[]) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 60,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'customer',
          image: customerImage,
          imagePullPolicy: 'IfNotPresent',
          args,
          resources: {
            requests: { cpu: '50m', memory: '384Mi' },
            limits: { memory: '384Mi' },
          },
          securityContext: restricted,
        },
      ],
    },
  };
}
