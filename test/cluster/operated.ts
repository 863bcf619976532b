import { jest } from '@jest/globals';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { withCrds } from '@windlass/operator/api/testing/installed.ts';
import type { Operator } from '@windlass/operator/operator.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { operatorEnvironment, operatorNamespace, startInProcess } from './in-process-operator.ts';
import type { ApiObject, KubeApi } from './kube-api.ts';
import { startKubelet, type TestKubelet } from './kubelet/kubelet.ts';

/** An object with what the tests read of it. */
export interface Observed extends ApiObject {
  readonly metadata: ApiObject['metadata'] & { readonly generation?: number };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly status?: Readonly<Record<string, unknown>> & {
    readonly observedGeneration?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

const core = new Set(['pods', 'secrets', 'configmaps', 'services', 'persistentvolumeclaims']);
const groups: Readonly<Record<string, string>> = {
  statefulsets: '/apis/apps/v1',
  poddisruptionbudgets: '/apis/policy/v1',
  networkpolicies: '/apis/networking.k8s.io/v1',
};

/** A Kubernetes whose pods are real nats-servers, with the operator in this process. */
export class Operated {
  readonly namespace = operatorNamespace;
  readonly controlPlane: ControlPlane;
  readonly api: KubeApi;
  readonly kubelet: TestKubelet;
  private readonly operators: Operator[] = [];
  private readonly stops: (() => Promise<unknown>)[];

  private constructor(
    parts: Pick<Operated, 'controlPlane' | 'api' | 'kubelet'>,
    stops: (() => Promise<unknown>)[],
  ) {
    this.controlPlane = parts.controlPlane;
    this.api = parts.api;
    this.kubelet = parts.kubelet;
    this.stops = stops;
  }

  static async start({
    operators = 1,
    apiServerFlags = [],
  }: {
    readonly operators?: number;
    readonly apiServerFlags?: readonly string[];
  } = {}): Promise<Operated> {
    jest.setTimeout(300_000);
    const stops: (() => Promise<unknown>)[] = [];
    const controlPlane = await startControlPlane({ apiServerFlags });
    stops.push(() => controlPlane.stop());
    const api = await withCrds(controlPlane);
    stops.push(async () => api.close());
    const directory = await temporaryDirectory();
    stops.push(() => directory.remove());
    const { path: natsServer } = await resolveNatsServer();
    const { kubeconfig } = controlPlane;
    const kubelet = await startKubelet({ kubeconfig, natsServer, dir: directory.path });
    stops.push(() => kubelet.stop());
    const operated = new Operated({ controlPlane, api, kubelet }, stops);
    await api.post('/api/v1/namespaces', { metadata: { name: operated.namespace } });
    for (let count = 0; count < operators; count++) await operated.startOperator();
    return operated;
  }

  /** Another one, which waits for the lease while there is a leader. */
  async startOperator(over: Readonly<Record<string, string>> = {}): Promise<Operator> {
    const operator = await startInProcess({
      ...operatorEnvironment(this.controlPlane.kubeconfig),
      LOG_LEVEL: process.env.OPERATOR_LOG ?? 'silent',
      ...over,
    });
    this.operators.push(operator);
    return operator;
  }

  /** What all operators together tell at `/metrics`. */
  async metrics(): Promise<string> {
    const texts = await Promise.all(
      this.operators.map(async ({ opsPort }) =>
        (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text(),
      ),
    );
    return texts.join('\n');
  }

  async stopOperators(): Promise<void> {
    await Promise.all(this.operators.splice(0).map((each) => each.stop()));
  }

  /** Server-side apply, as `kubectl apply --server-side` does. */
  async apply(manifest: {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly spec?: object;
  }): Promise<Observed> {
    const plural = `${manifest.kind.toLowerCase()}s`;
    return await this.api.patch<Observed>(
      this.path(plural, manifest.metadata.name),
      { apiVersion: 'windlass.dev/v1alpha1', ...manifest },
      'apply',
    );
  }

  path(plural: string, name?: string): string {
    const group = core.has(plural) ? '/api/v1' : (groups[plural] ?? '/apis/windlass.dev/v1alpha1');
    const path = `${group}/namespaces/${this.namespace}/${plural}`;
    return name === undefined ? path : `${path}/${name}`;
  }

  async get(plural: string, name: string): Promise<Observed | undefined> {
    return await this.api.find<Observed>(this.path(plural, name));
  }

  /** The object once a condition has the status, for its present generation. */
  async reaches(
    plural: string,
    name: string,
    type: string,
    status = 'True',
    withinMs = 120_000,
  ): Promise<Observed> {
    let seen: Observed | undefined;
    return await until(
      `${plural}/${name} is ${type}=${status}`,
      async () => {
        seen = await this.get(plural, name);
        if (seen?.status?.observedGeneration !== seen?.metadata.generation) return undefined;
        const is = seen?.status?.conditions?.find((each) => each.type === type)?.status;
        return is === status ? seen : undefined;
      },
      { withinMs },
    ).catch((error: unknown) => {
      const told = JSON.stringify(seen?.status, null, 1);
      throw new Error(`${plural}/${name} is not ${type}=${status}: ${told}`, { cause: error });
    });
  }

  /** Addresses of a cluster's pods, in their order. */
  async addresses(cluster: string): Promise<readonly string[]> {
    interface Pod extends ApiObject {
      readonly status?: { readonly podIP?: string };
    }
    const selector = encodeURIComponent(`windlass.dev/cluster=${cluster}`);
    const path = `${this.path('pods')}?labelSelector=${selector}`;
    const { items } = await this.api.get<{ readonly items: readonly Pod[] }>(path);
    return [...items]
      .sort((left, right) => left.metadata.name.localeCompare(right.metadata.name))
      .flatMap(({ status }) => (status?.podIP === undefined ? [] : [status.podIP]));
  }

  async stop(): Promise<void> {
    await this.stopOperators();
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }
}
