import { numberOf } from '../../../services/operator/api/quantity.ts';
import type { ContainerSpec, FieldRef, KeyRef, Pod, ResourceFieldRef } from './pod.ts';

/** What an image sets, and where the programs around the container are found as well. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a pod's environment is made of, besides its specification. */
export interface Surroundings {
  readonly podIp: string;
  readonly hostIp: string;
  /** The value of a key; undefined when it is not there. */
  readonly configMapKey: (name: string, key: string) => string | undefined;
  readonly secretKey: (name: string, key: string) => string | undefined;
}

/** Throws with a sentence when something it refers to is not there. */
export function environmentOf(
  pod: Pod,
  container: ContainerSpec,
  surroundings: Surroundings,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {
    PATH: path,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
    HOME: '/root',
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (value !== undefined) found[name] = expanded(value, found);
    if (valueFrom?.fieldRef !== undefined) {
      found[name] = fieldOf(pod, valueFrom.fieldRef, surroundings);
    }
    if (valueFrom?.resourceFieldRef !== undefined) {
      found[name] = resourceOf(pod, container, valueFrom.resourceFieldRef);
    }
    const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
    const key =
      keyOf('ConfigMap', configMapKeyRef, surroundings.configMapKey) ??
      keyOf('Secret', secretKeyRef, surroundings.secretKey);
    if (key !== undefined) found[name] = key;
  }
  return found;
}

function keyOf(
  kind: string,
  ref: KeyRef | undefined,
  read: (name: string, key: string) => string | undefined,
): string | undefined {
  if (ref === undefined) return undefined;
  const value = read(ref.name, ref.key);
  if (value !== undefined || ref.optional === true) return value;
  throw new Error(`${kind} ${ref.name} has no key ${ref.key}`);
}

/** `$(NAME)` is the variable's value, `$$(NAME)` the text `$(NAME)`; unknown ones stay. */
export function expanded(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$)?\(([^)]+)\)/g, (whole, escaped: string | undefined, name) => {
    if (escaped !== undefined) return whole.slice(1);
    return variables[String(name)] ?? whole;
  });
}

/** The words of the container's program; those of the image where the pod says nothing. */
export function commandOf(
  { command, args }: ContainerSpec,
  variables: Readonly<Record<string, string>>,
): readonly string[] {
  const expand = (words: readonly string[]) => words.map((word) => expanded(word, variables));
  if (command !== undefined) return expand([...command, ...(args ?? [])]);
  const words = expand(args ?? []);
  // The entry point of the image puts its program before flags.
  return words[0] === undefined || words[0].startsWith('-') ? ['nats-server', ...words] : words;
}

/** A field of the pod, as the downward API gives it. */
export function fieldOf(pod: Pod, { fieldPath }: FieldRef, surroundings: Surroundings): string {
  const { metadata, spec } = pod;
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (map === 'labels') return metadata.labels?.[key ?? ''] ?? '';
  if (map === 'annotations') return metadata.annotations?.[key ?? ''] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.podIP': surroundings.podIp,
    'status.podIPs': surroundings.podIp,
    'status.hostIP': surroundings.hostIp,
  };
  const value = fields[fieldPath];
  if (value === undefined) throw new Error(`there is no field ${fieldPath}`);
  return value;
}

function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}\n`)
    .join('');
}

/** A limit or request in units of the divisor, rounded up as Kubernetes does. */
export function resourceOf(pod: Pod, container: ContainerSpec, ref: ResourceFieldRef): string {
  const named = ref.containerName ?? container.name;
  const { resources } = pod.spec.containers.find(({ name }) => name === named) ?? container;
  const [kind = '', resource = ''] = ref.resource.split('.');
  const found = kind === 'limits' ? resources?.limits : resources?.requests;
  const amount = found?.[resource];
  if (amount === undefined) return '0';
  const divisor = ref.divisor === undefined || ref.divisor === '0' ? '1' : ref.divisor;
  return String(Math.ceil(numberOf(amount) / numberOf(divisor)));
}
