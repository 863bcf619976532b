import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { until } from '@windlass/runtime/testing/until.ts';
import { parse } from 'yaml';
import { z } from 'zod';
import { exists } from '../../services/local/directory.ts';
import {
  cacheDirectory,
  type Found,
  must,
  orWhyNot,
  placed,
} from '../../services/local/programs.ts';
import type { KubeApi } from './kube-api.ts';

interface Published {
  readonly module: string;
  readonly version: string;
  /** What Go says of its content; another one is not taken. */
  readonly sum: string;
  readonly files: readonly string[];
}

/** The kinds of others that we render, as their makers publish them: in modules of Go. */
const published: readonly Published[] = [
  {
    module: 'github.com/cloudnative-pg/cloudnative-pg',
    version: 'v1.26.0',
    sum: 'h1:X+ayWg6TXqglziSPejKiviPTf/CSh4AmYXx1mrS3i8s=',
    files: [
      'config/crd/bases/postgresql.cnpg.io_clusters.yaml',
      'config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml',
    ],
  },
  {
    module: 'github.com/cloudnative-pg/plugin-barman-cloud',
    version: 'v0.15.0',
    sum: 'h1:gNVytrzzYUE08wxLDrjfJqy1FPPSFkMe1OEr4s4pVI0=',
    files: ['config/crd/bases/barmancloud.cnpg.io_objectstores.yaml'],
  },
  {
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.20.0',
    sum: 'h1:nPKQL9iKsPpoyq7BftlBzJiQzb2LdKHiqBIEG6ju3bk=',
    files: ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: [
      'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
      'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    ],
  },
];

const establishedMs = 120_000;

interface Discovery {
  readonly resources: readonly { readonly name: string }[];
}

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}

/**
 * The CRDs of others, from the cache of this user or fetched by Go into it; otherwise the reason
 * why there are none.
 */
export async function publishedCrds(
  env: NodeJS.ProcessEnv = process.env,
): Promise<Found<readonly Crd[]>> {
  const all: Crd[] = [];
  for (const each of published) {
    const { module, version } = each;
    const found = await orWhyNot(`${module}@${version}`, () => crdsOf(each, env));
    if (typeof found === 'string') return found;
    all.push(...found);
  }
  return all;
}

async function crdsOf(each: Published, env: NodeJS.ProcessEnv): Promise<readonly Crd[]> {
  const folder = join(cacheDirectory(env), `crds-${basename(each.module)}-${each.version}`);
  if (!(await exists(folder))) await fetchOf(each, folder, env);
  const paths = each.files.map((file) => join(folder, basename(file)));
  return await Promise.all(paths.map(async (path) => parse(await readFile(path, 'utf8')) as Crd));
}

/** Any number of test files may do so at once: what is applied is the same. */
export async function installCrds(api: KubeApi, crds: readonly Crd[]): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const crd of crds) await api.patch(`${path}/${crd.metadata.name}`, crd, 'apply');
  for (const { spec } of crds) {
    const place = `/apis/${spec.group}/${spec.versions[0]?.name}`;
    const { plural } = spec.names;
    // Objects are served a moment before the server tells of their kind, or after.
    const isServed = async () => {
      const known = await api.find<Discovery>(place);
      if (!known?.resources.some(({ name }) => name === plural)) return false;
      return (await api.find(`${place}/${plural}?limit=1`)) !== undefined;
    };
    await until(`${plural} are served`, isServed, { withinMs: establishedMs });
  }
}

const download = z.object({ Dir: z.string(), Sum: z.string() });

/** Puts the files into the folder. */
async function fetchOf(
  { module, version, sum, files }: Published,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  await placed(folder, async (making) => {
    const output = await must({
      command: 'go',
      args: ['mod', 'download', '-json', `${module}@${version}`],
      // Outside of any module, whose own requirements would be looked up as well.
      cwd: making,
      env: { ...env, GOTOOLCHAIN: 'local', GOFLAGS: '' },
    });
    // Before the answer it may say what it does.
    const answer = download.parse(JSON.parse(output.slice(output.indexOf('{'))));
    if (answer.Sum !== sum) throw new Error('its content is not what it was');
    for (const file of files) await copyFile(join(answer.Dir, file), join(making, basename(file)));
    return making;
  });
}
