import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { accepts } from '@windlass/local/ports.ts';
import { pause } from '@windlass/runtime/failure/retry.ts';
import type { ContainerSpec, Handler, Probe } from './pod.ts';

/** Where and how to probe a container. */
export interface ProbedContainer {
  readonly spec: ContainerSpec;
  readonly address: string;
  readonly exec: (command: readonly string[]) => Promise<boolean>;
  /** The period of a probe is never longer, so that a test does not wait for it. */
  readonly periodMaxMs: number;
}

/** What a container's probes say. */
export interface Verdicts {
  readonly started: () => void;
  readonly ready: (isReady: boolean) => void;
  /** The startup or the liveness probe has failed for too long. */
  readonly failed: (why: string) => void;
}

/** Probes a running container until the signal is aborted; startup first, then the others. */
export async function probe(
  container: ProbedContainer,
  verdicts: Verdicts,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = container.spec;
  if (startupProbe !== undefined) {
    const isStarted = await startup(container, startupProbe, signal);
    if (signal.aborted) return;
    if (!isStarted) return verdicts.failed('startup probe failed');
  }
  verdicts.started();
  await Promise.all([
    livenessProbe && liveness(container, livenessProbe, verdicts, signal),
    readiness(container, readinessProbe, verdicts, signal),
  ]);
}

async function startup(
  container: ProbedContainer,
  spec: Probe,
  signal: AbortSignal,
): Promise<boolean> {
  const { everyMs, patience } = paceOf(spec, container);
  for (let failures = 0; failures < patience && !signal.aborted; failures++) {
    if (await attempt(container, spec)) return true;
    await pause(everyMs, signal);
  }
  return false;
}

async function liveness(
  container: ProbedContainer,
  spec: Probe,
  { failed }: Verdicts,
  signal: AbortSignal,
): Promise<void> {
  const { everyMs, patience } = paceOf(spec, container);
  let failures = 0;
  while (!signal.aborted) {
    failures = (await attempt(container, spec)) ? 0 : failures + 1;
    if (failures >= patience && !signal.aborted) return failed('liveness probe failed');
    await pause(everyMs, signal);
  }
}

async function readiness(
  container: ProbedContainer,
  spec: Probe | undefined,
  { ready }: Verdicts,
  signal: AbortSignal,
): Promise<void> {
  if (spec === undefined) return ready(true);
  const { everyMs } = paceOf(spec, container);
  let failures = 0;
  while (!signal.aborted) {
    const isGood = await attempt(container, spec);
    if (signal.aborted) return;
    failures = isGood ? 0 : failures + 1;
    if (isGood) ready(true);
    else if (failures >= (spec.failureThreshold ?? 3)) ready(false);
    await pause(everyMs, signal);
  }
}

/** A shorter period has more failures, so that what is allowed to take long still is. */
function paceOf({ periodSeconds = 10, failureThreshold = 3 }: Probe, container: ProbedContainer) {
  const everyMs = Math.min(periodSeconds * 1_000, container.periodMaxMs);
  return { everyMs, patience: Math.ceil((failureThreshold * periodSeconds * 1_000) / everyMs) };
}

async function attempt(container: ProbedContainer, spec: Probe): Promise<boolean> {
  const timeoutMs = (spec.timeoutSeconds ?? 1) * 1_000;
  if (spec.exec !== undefined) return await container.exec(spec.exec.command);
  const { httpGet, tcpSocket } = spec;
  const port = portOf(container.spec, httpGet?.port ?? tcpSocket?.port);
  if (httpGet !== undefined) return await getsOk(container.address, port, httpGet, timeoutMs);
  return await accepts(port, { host: container.address, timeoutMs });
}

function portOf({ ports = [] }: ContainerSpec, wanted: number | string | undefined): number {
  if (typeof wanted === 'number') return wanted;
  return ports.find(({ name }) => name === wanted)?.containerPort ?? 0;
}

function getsOk(
  host: string,
  port: number,
  { path = '/', scheme = 'HTTP' }: NonNullable<Handler['httpGet']>,
  timeoutMs: number,
): Promise<boolean> {
  const send = scheme === 'HTTPS' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const options = { host, port, path, agent: false, timeout: timeoutMs };
    const request = send({ ...options, rejectUnauthorized: false }, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      resolve(statusCode >= 200 && statusCode < 400);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
    request.end();
  });
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
