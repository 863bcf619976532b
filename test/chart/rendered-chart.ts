import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import { repository, temporaryDirectory } from '@windlass/local/directory.ts';
import { type Manifest, manifestsIn } from '../../cdk8s/testing/manifests.ts';
import { describeSkipped } from '../cluster/testing.ts';
import { type HelmProgram, resolveHelm } from './helm-program.ts';

export const chart = join(repository, 'charts', 'windlass');
/** The version for which it is rendered where no cluster is asked. */
export const forKubernetes = ['--kube-version', '1.34.4'];

/** Values of the chart, any part of them, right or wrong. */
export type GivenValues = Readonly<Record<string, unknown>>;

/** A manifest of the chart, with what is said to Helm in it. */
export type ChartManifest = Manifest & {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
};

/** Helm with the chart. */
export class Helm {
  private readonly program: HelmProgram;

  constructor(program: HelmProgram) {
    this.program = program;
  }

  /** Resolves with the output whatever becomes of it. */
  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const command = this.program.path;
    return await run({ command, args, cwd: repository, env: { ...process.env, ...env } });
  }

  /** As a text. Rejects with what Helm says. */
  async template(values: GivenValues = {}, namespace = 'default'): Promise<string> {
    const directory = await temporaryDirectory();
    try {
      const file = join(directory.path, 'values.json');
      await writeFile(file, JSON.stringify(values));
      const args = ['-f', file, '-n', namespace, ...forKubernetes];
      const { ok, output } = await this.run(['template', 'windlass', chart, ...args]);
      if (!ok) throw new Error(output);
      return output;
    } finally {
      await directory.remove();
    }
  }

  /** What is installed, and what a test of the release makes. */
  async manifests(values: GivenValues = {}, namespace?: string) {
    const all = manifestsIn(await this.template(values, namespace)).filter(isManifest);
    return {
      installed: all.filter((each) => hookOf(each) === undefined),
      tests: all.filter((each) => hookOf(each) === 'test'),
    };
  }
}

/** Like `describe` with a real Helm; skipped, loudly, where there is none to be had. */
export async function describeHelm(title: string, define: (helm: Helm) => void): Promise<void> {
  const found = await findHelm();
  if (typeof found === 'string') describeSkipped(title, found);
  else describe(title, () => define(found));
}

/** Or the reason why there is none. */
export async function findHelm(): Promise<Helm | string> {
  // `npm run programs` builds it: a test would not wait so long.
  const found = await resolveHelm({ offline: true });
  return typeof found === 'string' ? found : new Helm(found);
}

/** By what they are, and without what is said to Helm alone. */
export function byName(manifests: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const entries = manifests.map((manifest) => {
    const { kind, metadata } = manifest;
    return [`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, withoutPolicy(manifest)];
  });
  const found = Object.fromEntries(entries);
  if (Object.keys(found).length !== manifests.length) throw new Error('Something is there twice.');
  return found;
}

/** Every file of the chart below a folder, by its path. */
export function chartFiles(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(join(chart, folder), { recursive: true, withFileTypes: true });
  const paths = names
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return new Map(paths.map((path) => [path.slice(chart.length + 1), readFileSync(path, 'utf8')]));
}

const policy = 'helm.sh/resource-policy';

/** Whether it outlives the release. */
export function isKept({ metadata }: ChartManifest): boolean {
  return metadata.annotations?.[policy] === 'keep';
}

function withoutPolicy(manifest: ChartManifest): unknown {
  const { annotations, ...metadata } = manifest.metadata;
  const { [policy]: _, ...rest } = annotations ?? {};
  const isBare = Object.keys(rest).length === 0;
  return { ...manifest, metadata: { ...metadata, ...(isBare ? {} : { annotations: rest }) } };
}

function hookOf({ metadata }: ChartManifest): string | undefined {
  return metadata.annotations?.['helm.sh/hook'];
}

/** What is left of a file whose condition does not hold is nothing. */
function isManifest(manifest: ChartManifest | null): manifest is ChartManifest {
  return manifest !== null;
}
