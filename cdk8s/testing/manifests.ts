import { deployables } from '@windlass/local/deployables.ts';
import { parseAllDocuments } from 'yaml';
import { type EnvironmentName, environmentNamed, environmentNames } from '../environments.ts';
import { rendered, renderedOf } from '../rendering.ts';

/** A manifest as it stands in a file. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: unknown;
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly startupProbe?: object;
  readonly readinessProbe?: object;
  readonly livenessProbe?: object;
  readonly lifecycle?: unknown;
}

/** Something with pods: a Deployment or a StatefulSet. */
export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** Names of the volumes that a StatefulSet gives each pod. */
  readonly claims: readonly string[];
}

export const services = (await deployables()).map(({ service }) => service);

const everything = rendered(environmentNames, services);

/** Every file that is rendered, below k8s. */
export const renderedFiles = everything.files;

export function manifestsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The manifests of an environment, without its addons. */
export function manifestsOf(name: EnvironmentName): readonly Manifest[] {
  const { files } = renderedOf(environmentNamed(name), services);
  return [...files].flatMap(([path, text]) =>
    path.startsWith(`${name}/`) ? manifestsIn(text) : [],
  );
}

export function workloadsOf(manifests: readonly Manifest[]): readonly Workload[] {
  return manifests
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map(({ kind, metadata, spec }) => {
      const { replicas, template, volumeClaimTemplates } = spec as {
        readonly replicas?: number;
        readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
        readonly template: {
          readonly metadata: { readonly labels: Readonly<Record<string, string>> };
          readonly spec: PodSpec;
        };
      };
      const { name, namespace = '' } = metadata;
      const { labels } = template.metadata;
      const claims = (volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
      return { kind, name, namespace, replicas, labels, spec: template.spec, claims };
    });
}

/** Whether labels fit a selector of equalities. */
export function isChosen(
  labels: Readonly<Record<string, string>>,
  matchLabels: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}
