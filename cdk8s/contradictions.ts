import { lanes, type ServiceDefinition } from '@windlass/contracts/service.ts';
import { streams } from '@windlass/contracts/streams.ts';
import { loadOperatorConfig } from '@windlass/operator/config.ts';
import { pulledMax } from '@windlass/runtime/broker/lanes.ts';
import { consumerSettings, streamSettings } from '@windlass/runtime/broker/topology.ts';
import { type Config, loadConfig } from '@windlass/runtime/config.ts';
import { replicasOf } from './autoscaler.ts';
import { memoryMiBOf, type Variables } from './configuration.ts';
import type { Environment } from './environments.ts';
import { bytesOf, imageOf } from './naming.ts';

/** Between the end of the drain and the kill: the process logs, flushes and exits. */
const exitSeconds = 5;
/** How much of the memory limit the heap may take; buffers and the program take the rest. */
const heapShare = 0.8;
/** V8 has three spaces for new objects. */
const semiSpaces = 3;
/** The default of `storage.fileStorePercent` of a NatsCluster. */
export const fileStoreShare = 0.8;
/** A version, or any tag with a digest: neither is ever another image. */
const pinned = /:v?\d+\.\d+(\.\d+)?([-.][\w.-]+)?$|@sha256:[0-9a-f]{64}$/;

/** What cannot work together in one service, a sentence each. */
export function contradictionsOf(
  service: ServiceDefinition,
  variables: Variables,
  environment: Environment,
): string[] {
  const { name } = service;
  const config = configOf(service, variables);
  return [
    ...(typeof config === 'string' ? [config] : timingFindings(service, config, environment)),
    ...replicaFindings(service, environment),
    ...heapFindings(service, variables, environment),
    ...imageFindings([imageOf(name, environment)], environment),
  ];
}

/** What the process itself would say of its environment when it starts. */
export function configOf(service: ServiceDefinition, variables: Variables): Config | string {
  // Only its Secret knows it, and only that it is there matters.
  const secret = service.database ? { DATABASE_URL: 'postgres://database/any' } : {};
  try {
    const config = loadConfig(service, { ...secret, ...variables });
    if (service.role === 'operator') loadOperatorConfig(service.name, variables);
    return config;
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
}

function timingFindings(
  service: ServiceDefinition,
  { timing }: Config,
  { shutdown }: Environment,
): string[] {
  const { name } = service;
  const preStop = service.role === 'api' ? shutdown.preStopSeconds : 0;
  const drain = timing.drainMs / 1_000;
  const needed = drain + preStop + exitSeconds;
  const found: string[] = [];
  if (needed > shutdown.graceSeconds) {
    found.push(
      `${name}: a drain of ${drain} s, ${preStop} s before it and ${exitSeconds} s after it need ` +
        `${needed} s, and the grace period is ${shutdown.graceSeconds} s.`,
    );
  }
  if (service.calls.length > 0 && timing.drainMs < timing.providerTimeoutMs) {
    found.push(`${name}: DRAIN_SECONDS must not be less than PROVIDER_TIMEOUT_MS.`);
  }
  for (const { stream, settings } of consumerSettings(service)) {
    const ackWaitMs = settings.ack_wait / 1e6;
    const consumer = `consumer ${settings.durable_name} of ${stream}`;
    if (timing.providerTimeoutMs >= ackWaitMs) {
      found.push(
        `${name}: PROVIDER_TIMEOUT_MS must be less than the ${ackWaitMs} ms after which ` +
          `${consumer} delivers a message again.`,
      );
    }
    if (timing.ackWaitMs !== ackWaitMs) {
      found.push(`${name}: ACK_WAIT_MS must be the ${ackWaitMs} ms of ${consumer}.`);
    }
  }
  return found;
}

function replicaFindings(service: ServiceDefinition, environment: Environment): string[] {
  const { name, scaling } = service;
  const found: string[] = [];
  if (scaling.replicasMin > environment.replicasMax) {
    found.push(
      `${name}: needs ${scaling.replicasMin} replicas, and replicasMax is ` +
        `${environment.replicasMax}.`,
    );
  }
  const { max } = replicasOf(service, environment);
  const pulled = Math.max(...lanes.map(pulledMax));
  for (const { stream, settings } of consumerSettings(service)) {
    if (max * pulled > settings.max_ack_pending) {
      found.push(
        `${name}: ${max} replicas with ${pulled} messages each are more than the ` +
          `${settings.max_ack_pending} that consumer ${settings.durable_name} of ${stream} ` +
          'gives out.',
      );
    }
  }
  return found;
}

function heapFindings(
  service: ServiceDefinition,
  { NODE_OPTIONS: options = '' }: Variables,
  environment: Environment,
): string[] {
  const limit = memoryMiBOf(service, environment);
  const flag = (name: string) => Number(new RegExp(`--${name}=(\\d+)`).exec(options)?.[1]);
  const heap = flag('max-old-space-size') + semiSpaces * flag('max-semi-space-size');
  if (heap <= limit * heapShare) return [];
  const given = Number.isNaN(heap) ? 'has no bound' : `may take ${heap} MiB`;
  return [`${service.name}: the heap ${given}, and the memory limit is ${limit} MiB.`];
}

/** In production every image is the same one for ever. */
export function imageFindings(images: readonly string[], { name }: Environment): string[] {
  if (name !== 'prod') return [];
  return images
    .filter((image) => !pinned.test(image))
    .map((image) => `Environment ${name}: the image ${image} is not pinned to a version.`);
}

/** What the streams may take of each volume, in bytes. */
export function reservedBytes(environment: Environment): number {
  return streamSettings(streams, environment.streams)
    .map(({ max_bytes }) => max_bytes)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Streams reserve their bytes: one that does not fit is never made. */
export function storageFindings(environment: Environment): string[] {
  const reserved = reservedBytes(environment);
  const room = bytesOf(environment.nats.storage) * fileStoreShare;
  if (reserved <= room) return [];
  return [
    `Environment ${environment.name}: the streams reserve ${reserved} bytes, and a volume of ` +
      `${environment.nats.storage} has room for ${Math.floor(room)}.`,
  ];
}
