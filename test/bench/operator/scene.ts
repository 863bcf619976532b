import { join } from 'node:path';
import { buildServices } from '@windlass/local/build.ts';
import { deployables } from '@windlass/local/deployables.ts';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { type NatsServer, startNatsServer } from '@windlass/local/nats-server.ts';
import { freePort } from '@windlass/local/ports.ts';
import { type ServiceProcess, startService } from '@windlass/local/processes.ts';
import { withCrds } from '@windlass/operator/api/testing/installed.ts';
import { Broker } from '@windlass/runtime/broker/connection.ts';
import { type AuditedRequest, auditedRequests } from '../../cluster/audit-log.ts';
import {
  type ControlPlane,
  kubeconfigFor,
  startControlPlane,
} from '../../cluster/control-plane.ts';
import { operatorEnvironment } from '../../cluster/in-process-operator.ts';
import type { KubeApi } from '../../cluster/kube-api.ts';

export const namespace = 'bench';
const user = 'windlass-operator';
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** A control plane, one NATS server and, when it is started, the operator as a process. */
export interface Scene {
  readonly controlPlane: ControlPlane;
  readonly api: KubeApi;
  readonly nats: NatsServer;
  readonly say: (line: string) => void;
  /** Asks `$JS.API.<api>`; throws with the server's error. */
  ask(api: string, body?: object): Promise<Record<string, unknown>>;
  /** Publishes without waiting for each acknowledgement. */
  publish(subjects: readonly string[]): Promise<void>;
  /** How often a stream or a consumer was created, changed or deleted so far. */
  changes(): number;
  /** What the operator has asked of the API server since then (epoch in milliseconds). */
  operatorRequests(since: number): Promise<readonly AuditedRequest[]>;
  startOperator(env?: NodeJS.ProcessEnv): Promise<ServiceProcess>;
  stop(): Promise<void>;
}

export async function setScene(say: (line: string) => void): Promise<Scene> {
  const directory = await temporaryDirectory();
  const stops: (() => Promise<unknown>)[] = [() => directory.remove()];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const controlPlane = await startControlPlane({ say });
    stops.push(() => controlPlane.stop());
    const api = await withCrds(controlPlane);
    stops.push(async () => api.close());
    await api.ensure('/api/v1/namespaces', { metadata: { name: namespace } });
    const { path: binary } = await resolveNatsServer({ say });
    const nats = await startNatsServer({ binary, dataDir: join(directory.path, 'nats'), port: 0 });
    stops.push(() => nats.stop());
    const broker = new Broker({ servers: [nats.url], name: 'bench', logger: quiet });
    broker.start();
    stops.push(() => broker.close());
    const kubeconfig = await kubeconfigFor(controlPlane, user, ['system:masters']);
    const operator = (await deployables()).filter(({ service }) => service.name === 'operator');
    await buildServices(operator);
    return {
      ...{ controlPlane, api, nats, say, stop },
      async ask(request, body) {
        const payload = body === undefined ? '' : JSON.stringify(body);
        const connection = await broker.ready();
        const reply = await connection.request(`$JS.API.${request}`, payload, { timeout: 20_000 });
        const answer = reply.json<Record<string, unknown>>();
        if (answer.error === undefined) return answer;
        throw new Error(`${request}: ${JSON.stringify(answer.error)}`);
      },
      async publish(subjects) {
        const connection = await broker.ready();
        for (const subject of subjects) connection.publish(subject, 'traffic');
        await connection.flush();
      },
      changes: await changesOf(broker),
      operatorRequests: (since) => auditedRequests(controlPlane.auditLog, { user, since }),
      async startOperator(env = {}) {
        const started = await startOperator(operator[0], kubeconfig, env);
        stops.push(() => started.stop());
        return started;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const advisories = /^\$JS\.EVENT\.ADVISORY\.(STREAM|CONSUMER)\.(CREATED|UPDATED|DELETED)\./;

async function changesOf(broker: Broker): Promise<() => number> {
  let count = 0;
  const connection = await broker.ready();
  connection.subscribe('$JS.EVENT.ADVISORY.>', {
    callback: (_, { subject }) => {
      if (advisories.test(subject)) count++;
    },
  });
  await connection.flush();
  return () => count;
}

type Deployable = Awaited<ReturnType<typeof deployables>>[number];

async function startOperator(
  operator: Deployable | undefined,
  kubeconfig: string,
  env: NodeJS.ProcessEnv,
): Promise<ServiceProcess> {
  if (operator === undefined) throw new Error('There is no services/operator.');
  const [port, opsPort] = [await freePort(), await freePort()];
  return await startService({
    name: 'operator',
    service: 'operator',
    bundle: operator.bundle,
    memoryMiB: operator.service.resources.memoryMiB,
    ...{ port, opsPort, keepRunning: false },
    env: {
      ...process.env,
      ...operatorEnvironment(kubeconfig),
      POD_NAMESPACE: namespace,
      PORT: `${port}`,
      OPS_PORT: `${opsPort}`,
      ...env,
    },
    onLine: () => {},
    say: () => {},
    onStarted: async () => {},
  });
}
