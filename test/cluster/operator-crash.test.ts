import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildServices } from '@windlass/local/build.ts';
import { startChild } from '@windlass/local/child.ts';
import { deployables } from '@windlass/local/deployables.ts';
import { repository } from '@windlass/local/directory.ts';
import {
  type FaultProxy,
  type SeenRequest,
  startFaultProxy,
} from '@windlass/operator/control/testing/fault-proxy.ts';
import { type Observed, Operated } from './operated.ts';
import { describeKubelet } from './testing.ts';

const minutes = 60_000;
const livesMax = 60;
const idleMs = 8_000;
const name = 'crashed';
/** So short that the next process need not wait long for the lease of a killed one. */
const lease = {
  LEASE_DURATION_MS: '2000',
  LEASE_RENEW_DEADLINE_MS: '1500',
  LEASE_RETRY_MS: '300',
};

const isWrite = ({ method, url }: SeenRequest) =>
  method !== 'GET' && !url.pathname.includes('/leases') && !url.pathname.includes('/events');

await describeKubelet('an operator that is killed after every single write', () => {
  let operated: Operated;
  let proxy: FaultProxy;
  beforeAll(async () => {
    operated = await Operated.start({ operators: 0 });
    proxy = await startFaultProxy(operated.controlPlane.kubeconfig);
    await buildServices((await deployables()).filter((each) => each.service.name === 'operator'));
  }, 8 * minutes);
  afterAll(async () => {
    await proxy?.close();
    await operated?.stop();
  }, minutes);

  test(
    'makes a cluster, a stream, a consumer and a user all the same',
    async () => {
      const clusterRef = { name };
      await operated.apply({ kind: 'NatsCluster', metadata: { name }, spec: { replicas: 1 } });
      const manifests = [
        ['Stream', { name: 'S', subjects: ['s.>'], storage: 'file', deletionPolicy: 'Delete' }],
        ['Consumer', { streamName: 'S', durableName: 'worker', ackPolicy: 'explicit' }],
        ['NatsUser', { role: { pulls: [{ stream: 'S', consumer: 'worker' }] } }],
      ] as const;
      for (const [kind, spec] of manifests) {
        await operated.apply({ kind, metadata: { name }, spec: { clusterRef, ...spec } });
      }
      const lives: string[] = [];
      while (lives.length < livesMax) {
        const write = await life();
        if (write === undefined) break;
        lives.push(write);
      }
      if (lives.length === livesMax) throw new Error(`no end of writes:\n${lives.join('\n')}`);
      // Children, Secrets, certificates and statuses: fewer writes would not prove much.
      expect(lives.length).toBeGreaterThan(10);
      for (const plural of ['natsclusters', 'streams', 'consumers', 'natsusers']) {
        const { status } = await operated.reaches(plural, name, 'Ready');
        expect(status?.observedGeneration).toBe(1);
      }
      const secrets = await operated.api.get<{ readonly items: readonly Observed[] }>(
        operated.path('secrets'),
      );
      const names = secrets.items.map(({ metadata }) => metadata.name).sort();
      expect(names).toEqual([...new Set(names)]);
      expect(names).toEqual(expect.arrayContaining([name, `${name}-operator`, `${name}-ca`]));
    },
    8 * minutes,
  );

  /**
   * One process, from its start to SIGKILL right after its first write has reached the API server.
   * Gives that write; undefined when nothing was left to write.
   */
  async function life(): Promise<string | undefined> {
    let died: (write: string) => void = () => {};
    const killed = new Promise<string>((resolve) => {
      died = resolve;
    });
    let first: SeenRequest | undefined;
    let isDead = false;
    proxy.setFault((request) => {
      if (isDead) return 'drop';
      if (!isWrite(request)) return false;
      if (first === undefined) {
        first = request;
        setTimeout(() => {
          isDead = true;
          child.kill('SIGKILL');
          died(`${request.method} ${request.url.pathname}`);
        }, 100);
        return false;
      }
      return 'drop';
    });
    const child = await startChild({
      command: process.execPath,
      args: [join(repository, 'services/operator/dist/main.mjs')],
      env: {
        ...{ PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0' },
        ...{ LOG_LEVEL: 'error', EXTERNAL_METRICS: 'off', POD_NAMESPACE: operated.namespace },
        ...{ KUBECONFIG: proxy.kubeconfig, ...lease },
      },
    });
    const nothing = quietly(() => first !== undefined);
    const write = await Promise.race([killed, nothing]);
    isDead = true;
    child.kill('SIGKILL');
    await child.exited;
    proxy.dropConnections();
    return write;
  }

  /** Resolves when everything is Ready and stays so, with no write for a while. */
  async function quietly(hasWritten: () => boolean): Promise<undefined> {
    let since = performance.now();
    while (!hasWritten()) {
      if (!(await isAllReady())) since = performance.now();
      if (performance.now() - since > idleMs) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return await new Promise(() => {});
  }

  async function isAllReady(): Promise<boolean> {
    for (const plural of ['natsclusters', 'streams', 'consumers', 'natsusers']) {
      const found = await operated.get(plural, name);
      const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') return false;
    }
    return true;
  }
});
