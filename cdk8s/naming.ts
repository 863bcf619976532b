import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { k8s } from 'cdk8s-plus-27';
import type { Environment } from './environments.ts';

/** Where the objects are. */
export const namespaces = {
  system: 'windlass-system',
  platform: 'windlass',
  monitoring: 'windlass-monitoring',
} as const;

export const cluster = { namespace: namespaces.platform, name: 'nats' } as const;

/** The user and group of our images: `nonroot` of distroless. */
export const nonRoot = 65_532;

/** Where an image of ours has its program. */
export const program = '/app/main.mjs';

export type Labels = Readonly<Record<string, string>>;

/** What chooses the pods of a workload. It never changes: selectors are immutable. */
export function selectorOf(name: string): Record<string, string> {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': 'windlass' };
}

export function labelsOf(name: string, component: string, version: string): Record<string, string> {
  return {
    ...selectorOf(name),
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/part-of': 'windlass',
    'app.kubernetes.io/managed-by': 'cdk8s',
    'app.kubernetes.io/version': version,
  };
}

/** The same for a service; its component is its role. */
export function serviceLabels(
  service: ServiceDefinition,
  environment: Environment,
): Record<string, string> {
  return labelsOf(service.name, service.role, versionOf(environment));
}

/** What the processes call their version. */
export function versionOf({ images }: Environment): string {
  return images.tag?.split('@')[0] ?? 'development';
}

export function imageOf(service: string, { images }: Environment): string {
  const { prefix, tag } = images;
  return `${prefix}windlass/${service}${tag === undefined ? '' : `:${tag}`}`;
}

export function opsPort(service: ServiceDefinition): number {
  return service.port + 1_000;
}

/** The services that run in an environment: doubles only where they stand in for something. */
export function deployedIn(
  services: readonly ServiceDefinition[],
  { provider }: Environment,
): readonly ServiceDefinition[] {
  return services.filter(({ role }) => role !== 'double' || provider.kind === 'double');
}

export function namespaceOf(service: Pick<ServiceDefinition, 'role'>): string {
  return service.role === 'operator' ? namespaces.system : namespaces.platform;
}

export const quantity = (value: string): k8s.Quantity => k8s.Quantity.fromString(value);
export const number = (value: number): k8s.IntOrString => k8s.IntOrString.fromNumber(value);
export const word = (value: string): k8s.IntOrString => k8s.IntOrString.fromString(value);

/** Bytes of a quantity such as `512Mi`, or thousandths of `250m`. */
export function bytesOf(value: string): number {
  const [, figure = '0', unit = ''] = /^([0-9]+)(\w*)$/.exec(value) ?? [];
  const factors: Readonly<Record<string, number>> = { '': 1, Mi: 1_024 ** 2, Gi: 1_024 ** 3 };
  const factor = factors[unit];
  if (factor === undefined) throw new Error(`${value} is no quantity of bytes.`);
  return Number(figure) * factor;
}

/** Thousandths of a processor: `250m`, `2`. */
export function millisOf(value: string): number {
  return value.endsWith('m') ? Number(value.slice(0, -1)) : Number(value) * 1_000;
}
