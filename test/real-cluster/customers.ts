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
/** Nothing that is under way takes longer than that to settle or to be given up. */
const endMs = 240_000;
/** Not one of the processes that this process itself could be told to end. */
const endOfFirst = "process.kill(1, 'SIGTERM')";

const pod = z.object({ status: z.object({ phase: z.string().optional() }) });
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

  /** The first one brings the sample stock. */
  async place({ count, rate }: Load): Promise<Placing> {
    const stock = this.started === 0 ? ['--stock', inventoryUrl] : [];
    const name = `customer-${this.started++}`;
    const flags = ['--url', orderUrl, ...stock, '--json', '--concurrency', '64'];
    const bounds = ['--count', `${count}`, '--rate', `${rate}`, '--settle', `${settleSeconds}`];
    await this.kubectl.apply(podOf(name, ['/app/main.mjs', ...flags, ...bounds]));
    return {
      finished: (withinMs) => this.ended(name, withinMs),
      stopped: async () => {
        const node = ['/nodejs/bin/node', '-e', endOfFirst];
        await this.kubectl.attempt('exec', '-n', namespace, name, '--', ...node);
        return await this.ended(name, endMs);
      },
    };
  }

  private async ended(name: string, withinMs: number): Promise<readonly OrderLine[]> {
    const isOver = async () => {
      const { ok, output } = await this.kubectl.attempt(
        ...['get', 'pod', '-n', namespace, name, '-o', 'json'],
      );
      const phase = ok ? pod.parse(JSON.parse(output)).status.phase : undefined;
      return phase === 'Succeeded' || phase === 'Failed';
    };
    await until(`${name} is over`, isOver, { withinMs, everyMs: 500 });
    const text = await this.kubectl.run('logs', '-n', namespace, name);
    const lines = text.split('\n').filter((line) => line.startsWith('{'));
    if (lines.length === 0) throw new Error(`${name} placed no order: ${text.trim()}`);
    return lines.map((line) => orderLine.parse(JSON.parse(line)));
  }
}

function podOf(name: string, args: readonly string[]) {
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
