import { readFile } from 'node:fs/promises';
import type { ServiceProcess } from '@windlass/local/processes.ts';
import type { AuditedRequest } from '../../cluster/audit-log.ts';
import type { ApiList, ApiObject } from '../../cluster/kube-api.ts';
import { percentileOf } from '../histogram.ts';
import { type Asset, assetsOf } from './assets.ts';
import { inFlight } from './load.ts';
import { reconcileQuantile } from './reconciles.ts';
import { namespace, type Scene } from './scene.ts';

const bareInFlight = 16;
const createInFlight = 16;
const convergeMs = 10 * 60_000;
const probeGapMs = 100;
const writes = new Set(['create', 'update', 'patch', 'delete']);

export interface Converged {
  readonly objects: number;
  readonly bareSeconds: number;
  readonly operatorSeconds: number;
  readonly apiCallsPerObject: number;
  readonly jetStreamCallsPerObject: number;
  readonly reconcileP99Ms: number;
  readonly roundTripMs: number;
  readonly memoryMiB: number;
  readonly operator: ServiceProcess;
}

/** From objects that nobody has looked at to all of them Ready, beside what a bare client takes. */
export async function converge(scene: Scene, streams: number): Promise<Converged> {
  const assets = assetsOf(streams, namespace, scene.nats.url);
  scene.say(`a bare client creates ${assets.length} assets, ${bareInFlight} in flight`);
  const bareSeconds = await bare(scene, assets);
  scene.say(`took ${bareSeconds.toFixed(1)} s; now as objects`);
  await inFlight(assets, createInFlight, ({ plural, object }) =>
    scene.api.post(pathOf(plural), object),
  );
  const callsBefore = await jetStreamCalls(scene);
  const since = Date.now();
  const probe = roundTrips(scene);
  const started = performance.now();
  const operator = await scene.startOperator();
  await allReady(scene, assets);
  const operatorSeconds = (performance.now() - started) / 1_000;
  const trips = await probe.stop();
  scene.say(`the operator took ${operatorSeconds.toFixed(1)} s`);
  const requests = await scene.operatorRequests(since);
  return {
    objects: assets.length,
    bareSeconds,
    operatorSeconds,
    apiCallsPerObject: requests.length / assets.length,
    jetStreamCallsPerObject: ((await jetStreamCalls(scene)) - callsBefore) / assets.length,
    reconcileP99Ms: 1_000 * (await reconcileQuantile(operator.opsUrl, 0.99)),
    roundTripMs: percentileOf(trips, 0.5),
    memoryMiB: await residentMiB(operator.pid),
    operator,
  };
}

/** Seconds; streams first, because consumers need them. They are deleted again. */
async function bare(scene: Scene, assets: readonly Asset[]): Promise<number> {
  const create = ({ api, body }: Asset) => scene.ask(api, body);
  const started = performance.now();
  const streams = assets.filter(({ plural }) => plural === 'streams');
  await inFlight(streams, bareInFlight, create);
  await inFlight(
    assets.filter(({ plural }) => plural === 'consumers'),
    bareInFlight,
    create,
  );
  const seconds = (performance.now() - started) / 1_000;
  await inFlight(streams, bareInFlight, ({ object }) =>
    scene.ask(`STREAM.DELETE.${object.metadata.name}`),
  );
  return seconds;
}

export function pathOf(plural: string, name?: string): string {
  const path = `/apis/windlass.dev/v1alpha1/namespaces/${namespace}/${plural}`;
  return name === undefined ? path : `${path}/${name}`;
}

interface Conditioned extends ApiObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export function isReady({ status }: Conditioned): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  );
}

/** Counted by watches, which cost the API server less than looking again and again. */
async function allReady(scene: Scene, assets: readonly Asset[]): Promise<void> {
  const waiting = new Set(assets.map(({ plural, object }) => `${plural}/${object.metadata.name}`));
  const abort = AbortSignal.timeout(convergeMs);
  const done = new AbortController();
  const signal = AbortSignal.any([abort, done.signal]);
  const see = (plural: string, object: Conditioned) => {
    if (isReady(object)) waiting.delete(`${plural}/${object.metadata.name}`);
    if (waiting.size === 0) done.abort();
  };
  await Promise.all(
    ['streams', 'consumers'].map(async (plural) => {
      while (!signal.aborted) {
        const list = await scene.api.get<ApiList<Conditioned>>(pathOf(plural));
        for (const object of list.items) see(plural, object);
        if (signal.aborted) return;
        await scene.api
          .watch<Conditioned>(pathOf(plural), list.metadata.resourceVersion, signal, (event) => {
            if (event.type === 'ADDED' || event.type === 'MODIFIED') see(plural, event.object);
          })
          .catch(() => {});
      }
    }),
  );
  if (waiting.size > 0) throw new Error(`${waiting.size} of ${assets.length} are not Ready.`);
}

/** How often JetStream was asked for anything, this question included. */
async function jetStreamCalls(scene: Scene): Promise<number> {
  const { api } = await scene.ask('INFO');
  return Number(Object(api).total);
}

/** Measures round trips to the API server, in milliseconds, until it is stopped. */
function roundTrips(scene: Scene) {
  const trips: number[] = [];
  let isOn = true;
  const running = (async () => {
    while (isOn) {
      const started = performance.now();
      await scene.api.get(`/api/v1/namespaces/${namespace}`);
      trips.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, probeGapMs));
    }
  })();
  return {
    async stop(): Promise<readonly number[]> {
      isOn = false;
      await running;
      return trips;
    },
  };
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
}

/** Leases are renewed all the time and are not counted. */
export function writesOf(requests: readonly AuditedRequest[]): readonly AuditedRequest[] {
  return requests.filter(({ verb, resource }) => writes.has(verb) && resource !== 'leases');
}

export async function repeatedly(times: number, run: (index: number) => Promise<void>) {
  for (let index = 0; index < times; index++) await run(index);
}
