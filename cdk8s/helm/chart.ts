import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { repository } from '@windlass/local/directory.ts';
import { addonFiles } from '../addons/addons.ts';
import { type Environment, environmentNamed } from '../environments.ts';
import { Files, header } from '../files.ts';
import { observability } from '../observability.ts';
import type { Output } from '../output.ts';
import { platformFiles } from '../platform.ts';
import { chartDescription } from './description.ts';
import { type Context, type Document, documentOf } from './documents.ts';
import { replicaRange, sharedTemplates } from './figures.ts';
import { notes } from './notes.ts';
import { OrderTest } from './order-test.ts';
import { markedEnvironment, slotsOf } from './slots.ts';
import { chartValues, defaultsOf } from './values.ts';
import { schemaText, valuesText } from './values-files.ts';

/** Whole files that a value switches; the rest is always there. */
const conditions: readonly (readonly [start: string, condition: string])[] = [
  ['70-ingress', '.Values.ingress.enabled'],
  ['cloudnative-pg/', '.Values.databases.cloudnativePg'],
  ['keda/', 'eq .Values.autoscaling.mode "keda"'],
  ['monitoring/', '.Values.monitoring.enabled'],
];
/** Where it is said what cannot be, the most fitting. */
const checkedFile = '30-nats.yaml';
const definitionFolder = 'k8s/crds';

type Manifests = ReadonlyMap<string, readonly unknown[]>;

/**
 * The chart, below `charts`: production, from the same constructs as `k8s/prod`, with values. They
 * are found by rendering twice, as it is and with marked values. Throws one sentence when
 * something depends on a value in a way that the chart cannot say.
 */
export function chartOutput(services: readonly ServiceDefinition[]): Output {
  const environment = environmentNamed('prod');
  const range = replicaRange(services, environment);
  const usual = defaultsOf(environment);
  const schema = chartValues(range);
  schema.parse(usual);
  const context = { services, environment, range, slots: slotsOf(usual) };
  const watched = observability(true);
  const [plain, marked] = [environment, markedEnvironment(environment, usual)].map((each) =>
    manifestsOf(each, services, watched),
  );
  if (plain === undefined || marked === undefined) throw new Error('Nothing was rendered.');
  const files = new Map([
    ['Chart.yaml', header + chartDescription(services, environment)],
    ['values.yaml', header + valuesText(schema, usual)],
    ['values.schema.json', schemaText(schema)],
    ...templateFiles(plain, marked, context),
    ['templates/NOTES.txt', notes(services)],
    ...definitionFiles(),
  ]);
  const folder = 'windlass';
  return {
    folders: [folder],
    files: new Map([...files].map(([path, text]) => [`${folder}/${path}`, text])),
  };
}

/** What `npm run generate` has written: making it again would take as long as all the rest. */
function definitionFiles(): readonly (readonly [path: string, text: string])[] {
  return readdirSync(join(repository, definitionFolder)).map((name) => {
    const path = `${definitionFolder}/${name}`;
    const text = readFileSync(join(repository, path), 'utf8');
    return [`crds/${name}`, `# A copy of ${path}.\n${text}`];
  });
}

/** All that a value can switch on. */
function manifestsOf(
  environment: Environment,
  services: readonly ServiceDefinition[],
  watched: ReturnType<typeof observability>,
): Manifests {
  const sources = { environment, services, observability: watched };
  const tests = new Files();
  tests.add('tests/one-order', (chart) => {
    new OrderTest(chart, services, environment);
  });
  const parts = [platformFiles(sources), addonFiles(sources), tests];
  return new Map(parts.flatMap(({ manifests }) => [...manifests]));
}

/** Templates, what they share and what they read. */
function templateFiles(
  plain: Manifests,
  marked: Manifests,
  context: Context,
): ReadonlyMap<string, string> {
  const documents = new Map(
    [...plain].map(([name, manifests]) => {
      const others = marked.get(name) ?? [];
      const all = manifests.map((each, index) => documentOf(each, others[index], context));
      return [name, all] as const;
    }),
  );
  const all = [...documents.values()].flat();
  const shared = all
    .flatMap((document) => [...document.shared])
    .map(([name, text]) => `\n{{- define "${name}" -}}\n${text}\n{{- end }}\n`);
  return new Map([
    ['templates/_named-templates.tpl', sharedTemplates(context.environment) + shared.join('')],
    ...[...documents].map(
      ([name, found]) => [`templates/${name}`, templateText(name, found)] as const,
    ),
    ...all.flatMap((document) => [...document.files]),
  ]);
}

function templateText(name: string, documents: readonly Document[]): string {
  const condition = conditions.find(([start]) => name.startsWith(start))?.[1];
  const check = name === checkedFile ? '{{- include "windlass.storage" . }}\n' : '';
  const text = documents
    .map((document) => under(document.condition, `---\n${document.text}\n`))
    .join('');
  return header + check + under(condition, text);
}

function under(condition: string | undefined, text: string): string {
  return condition === undefined ? text : `{{- if ${condition} }}\n${text}{{- end }}\n`;
}
