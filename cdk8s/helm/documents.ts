import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { z } from 'zod';
import type { Environment } from '../environments.ts';
import { namespaceOf } from '../naming.ts';
import { metricsReaderName } from '../operator-rules.ts';
import { quotaExpressions, replicasExpression } from './figures.ts';
import type { Slot } from './slots.ts';
import {
  Conditional,
  Expression,
  type Fields,
  isFields,
  type Node,
  templateOf,
} from './template.ts';
import { type Path, type Rules, templated } from './templated.ts';
import type { ReplicaRange } from './values.ts';

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
});
type Manifest = z.output<typeof manifestSchema>;
const texts = z.record(z.string(), z.string());
const metrics = z.object({
  spec: z.object({ metrics: z.array(z.looseObject({ type: z.string() })) }),
});

/** What a document of a template is made of. */
export interface Context {
  readonly services: readonly ServiceDefinition[];
  readonly environment: Environment;
  readonly range: ReplicaRange;
  readonly slots: readonly Slot[];
}

/** A document, and what it needs elsewhere in the chart. */
export interface Document {
  readonly text: string;
  /** Without it, always. */
  readonly condition: string | undefined;
  /** Templates by their names. */
  readonly shared: ReadonlyMap<string, string>;
  /** Files that it reads, by their paths in the chart. */
  readonly files: ReadonlyMap<string, string>;
}

const isExternal = 'eq .Values.autoscaling.mode "external"';

/** Throws when the marked manifest differs in what the chart has no value for. */
export function documentOf(usual: unknown, marked: unknown, context: Context): Document {
  const manifest = manifestSchema.parse(usual);
  const other = manifestSchema.parse(marked);
  const configured = serviceOf(manifest, context);
  const shared = new Map<string, string>();
  if (manifest.kind === 'ConfigMap' && configured !== undefined) {
    const data = templated(manifest.data, other.data, context.slots);
    const fields = configured.role === 'operator' ? withoutMetrics(data) : data;
    shared.set(variablesName(configured), templateOf(fields));
  }
  const files = new Map<string, string>();
  if (isDashboard(manifest)) {
    for (const [name, text] of Object.entries(texts.parse(manifest.data))) {
      // Read by Helm and not run by it: the braces in legends are Grafana's.
      if (texts.parse(other.data)[name] !== text) throw new Error(`${name} has values in it.`);
      files.set(dashboardPath(name), text);
    }
  }
  const node = templated(usual, marked, context.slots, rulesOf(manifest, context));
  return {
    text: templateOf(kept(manifest, node)),
    ...{ condition: conditionOf(manifest), shared, files },
  };
}

function rulesOf(manifest: Manifest, context: Context): Rules {
  const { kind, metadata } = manifest;
  const { services, environment, range } = context;
  const at = (...keys: string[]) => keys.join('/');
  const service = services.find(({ name }) => name === metadata.name);
  const nodes = new Map<string, Node>();
  let conditions = new Map<string, string>();
  if (kind === 'ResourceQuota') {
    const namespace = metadata.namespace ?? '';
    const quota = quotaExpressions(namespace, services, environment, range);
    for (const [key, value] of Object.entries(quota)) nodes.set(at('spec', 'hard', key), value);
  }
  if (service !== undefined && kind === 'HorizontalPodAutoscaler') {
    nodes.set(at('spec', 'maxReplicas'), replicasExpression(service));
    conditions = new Map(
      metrics
        .parse(manifest)
        .spec.metrics.map(({ type }, index) => [type, at('spec', 'metrics', `${index}`)] as const)
        .filter(([type]) => type === 'External')
        .map(([, path]) => [path, isExternal]),
    );
  }
  if (service !== undefined && kind === 'ScaledObject') {
    nodes.set(at('spec', 'maxReplicaCount'), replicasExpression(service));
  }
  if (service !== undefined && kind === 'Deployment') {
    const path = ['spec', 'template', 'metadata', 'annotations', 'windlass.dev/configuration'];
    const variables = `include "${variablesName(service)}" . | fromYaml | toRawJson`;
    nodes.set(at(...path), new Expression(`{{ ${variables} | sha256sum | trunc 16 | quote }}`));
  }
  const configured = serviceOf(manifest, context);
  if (kind === 'ConfigMap' && configured !== undefined) {
    const variables = `include "${variablesName(configured)}" . | nindent 2`;
    nodes.set('data', new Expression(`{{- ${variables} }}`));
  }
  if (isDashboard(manifest)) {
    for (const name of Object.keys(texts.parse(manifest.data))) {
      const text = `{{ .Files.Get ${JSON.stringify(dashboardPath(name))} | toJson }}`;
      nodes.set(at('data', name), new Expression(text));
    }
  }
  return {
    node: (path: Path) => nodes.get(path.join('/')),
    condition: (path: Path) => conditions.get(path.join('/')),
  };
}

/** The service whose variables a ConfigMap holds. */
function serviceOf({ metadata }: Manifest, { services }: Context): ServiceDefinition | undefined {
  return services.find(
    (service) => service.name === metadata.name && namespaceOf(service) === metadata.namespace,
  );
}

function variablesName({ name }: ServiceDefinition): string {
  return `windlass.variables.${name}`;
}

/** Where somebody else serves external metrics, or nobody asks for them. */
function withoutMetrics(data: Node): Node {
  const off = new Conditional('ne .Values.autoscaling.mode "external"', 'off');
  return { ...fieldsOf(data), EXTERNAL_METRICS: off };
}

function fieldsOf(node: Node | undefined): Fields {
  return node !== undefined && isFields(node) ? node : {};
}

function isDashboard({ kind, metadata }: Manifest): boolean {
  return kind === 'ConfigMap' && metadata.labels.grafana_dashboard !== undefined;
}

function dashboardPath(name: string): string {
  return `dashboards/${name}`;
}

function conditionOf({ kind, metadata }: Manifest): string | undefined {
  if (kind === 'HorizontalPodAutoscaler') return 'ne .Values.autoscaling.mode "keda"';
  // With it goes the registration of the metrics, which nobody would serve any more.
  if (metadata.name === metricsReaderName) return isExternal;
  if (kind !== 'Namespace') return undefined;
  // Helm makes it first, when it is asked to, and then refuses to make it again.
  const isOther = `ne .Release.Namespace ${JSON.stringify(metadata.name)}`;
  return `and .Values.namespaces.create (${isOther})`;
}

/**
 * What outlives the release: what holds data, and what only the operator can end, which would be
 * gone before it does.
 */
function kept({ apiVersion, kind }: Manifest, node: Node): Node {
  const [group = ''] = apiVersion.split('/');
  const isKept =
    kind === 'Namespace' ||
    group === 'windlass.dev' ||
    (group === 'postgresql.cnpg.io' && kind === 'Cluster') ||
    group === 'barmancloud.cnpg.io';
  if (!isKept) return node;
  const fields = fieldsOf(node);
  const metadata = fieldsOf(fields.metadata);
  const annotations = { ...fieldsOf(metadata.annotations), 'helm.sh/resource-policy': 'keep' };
  return { ...fields, metadata: { ...metadata, annotations } };
}
