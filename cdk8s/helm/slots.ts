import { z } from 'zod';
import type { Environment } from '../environments.ts';
import { type ChartValues, environmentWith } from './values.ts';

/** What stands in the marked manifests where the chart has an expression. */
export interface Slot {
  readonly marker: string | number;
  /** What is there with the default values; '' when nothing is. */
  readonly usual: string | number;
  /** In the language of Helm, without its braces. */
  readonly expression: string;
}

const digest = 'a'.repeat(64);
const markedVersion = '0.0.0-marked';
const markedPort = 61_234;

/**
 * Every value that stands in manifests, as something that stands nowhere else. What is on or off
 * is a condition, and what other figures are made of is an expression of its own: they stay.
 */
export function markedValues(usual: ChartValues): ChartValues {
  return {
    namespaces: usual.namespaces,
    image: { prefix: 'prefix.marked.invalid/', tag: `${markedVersion}@sha256:${digest}` },
    logLevel: 'silent',
    nats: {
      image: 'marked/nats:0.0.0',
      storage: '70001Gi',
      storageClass: 'marked-nats-class',
      cpu: '70003m',
      memory: '70005Mi',
    },
    databases: {
      cloudnativePg: usual.databases.cloudnativePg,
      storage: '70007Gi',
      storageClass: 'marked-database-class',
      backups: {
        destination: 's3://marked-backups',
        endpoint: 'https://endpoint.marked.invalid',
        secret: 'marked-backups-secret',
      },
    },
    provider: { url: `https://provider.marked.invalid:${markedPort}` },
    ingress: {
      enabled: usual.ingress.enabled,
      host: 'orders.marked.invalid',
      className: 'marked-ingress-class',
      tlsSecret: 'marked-tls',
      controllerNamespace: 'marked-ingress',
    },
    autoscaling: {
      ...{ mode: usual.autoscaling.mode, replicasMax: usual.autoscaling.replicasMax },
      ...{ cpuPercent: 491, downAfterSeconds: 3_511, downPercent: 93 },
    },
    monitoring: { enabled: usual.monitoring.enabled, namespace: 'marked-monitoring' },
  };
}

/** The environment in which the slots stand. */
export function markedEnvironment(base: Environment, usual: ChartValues): Environment {
  return environmentWith(base, markedValues(usual));
}

/** One for each marked value, and for what is only a part of one. */
export function slotsOf(usual: ChartValues): readonly Slot[] {
  const marked = new Map(leavesOf(markedValues(usual)));
  const own = leavesOf(usual).flatMap(([path, value]): Slot[] => {
    const marker = marked.get(path);
    if (marker === value || typeof marker === 'boolean' || marker === undefined) return [];
    if (typeof value === 'boolean') return [];
    const expression = typeof value === 'number' ? `int .Values.${path}` : `.Values.${path}`;
    return [{ marker, usual: value, expression }];
  });
  const version: Slot = {
    ...{ marker: markedVersion, usual: usual.image.tag.split('@')[0] ?? '' },
    expression: 'include "windlass.version" .',
  };
  const port: Slot = {
    ...{ marker: markedPort, usual: portOf(usual.provider.url) },
    expression: 'include "windlass.providerPort" .',
  };
  return [...own, version, port];
}

const leaf = z.union([z.string(), z.number(), z.boolean()]);
type Leaf = z.output<typeof leaf>;

/** Each value by its path, such as `nats.storage`. */
export function leavesOf(values: object, prefix = ''): readonly (readonly [string, Leaf])[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const path = `${prefix}${key}`;
    if (typeof value === 'object' && value !== null) return leavesOf(value, `${path}.`);
    return [[path, leaf.parse(value)]] as const;
  });
}

function portOf(url: string): number {
  const { protocol, port } = new URL(url);
  const standard = protocol === 'https:' ? 443 : 80;
  return port === '' ? standard : Number(port);
}
