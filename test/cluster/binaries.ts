import { copyFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../services/local/child.ts';
import { exists } from '../../services/local/directory.ts';
import {
  cacheDirectory,
  type Found,
  firstFound,
  goBuild,
  hasGo,
  namedBy,
  orWhyNot,
  placed,
  type Search,
} from '../../services/local/programs.ts';

/** The version that `control-plane/go.mod` pins. */
export const kubernetesVersion = '1.34.4';
const [major = '', minor = ''] = kubernetesVersion.split('.');
const module = join(dirname(fileURLToPath(import.meta.url)), 'control-plane');

/** The programs of the control plane, and the packages from which they are built. */
const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
} as const;
type Program = keyof typeof packages;
const programs: readonly Program[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
];
const needed = programs.filter((each) => each !== 'kubectl');

export interface ControlPlaneBinaries {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
  /** Only for people; not every place has it. */
  readonly kubectl: string | undefined;
  /** Where they were found, for a person. */
  readonly how: string;
}

/** There is no control plane to be had here; the message says what was tried. */
export class NoBinaries extends Error {
  override readonly name = 'NoBinaries';
}

/**
 * Finds etcd, kube-apiserver and kube-controller-manager, and builds them when there are none,
 * once for all checkouts of this user. Two processes may do this at the same time.
 */
export async function resolveControlPlane(options: Search = {}): Promise<ControlPlaneBinaries> {
  const { env = process.env, offline = false, say = () => {} } = options;
  const named = await namedBy('KUBEBUILDER_ASSETS', env, inspect);
  if (typeof named === 'string') throw new NoBinaries(named);
  if (named !== undefined) return named;
  const cached = join(cacheDirectory(env), `kubernetes-${kubernetesVersion}-${process.arch}`);
  const found = await firstFound<ControlPlaneBinaries>(
    [
      () => inspect(cached, 'from the cache'),
      () => fromSetupEnvtest(env),
      ...(offline ? [] : [() => fromGo(cached, env, say)]),
    ],
    (reason) => say(`control plane: ${reason}`),
  );
  if ('etcd' in found) return found;
  throw new NoBinaries(
    `There is no control plane of Kubernetes ${major}.${minor}: ${found.join('; ')}. ` +
      'Install Go, or name a directory with etcd, kube-apiserver and kube-controller-manager ' +
      'in KUBEBUILDER_ASSETS.',
  );
}

/** `setup-envtest` has no kube-controller-manager; somebody may have put it beside the others. */
async function fromSetupEnvtest(env: NodeJS.ProcessEnv): Promise<Found<ControlPlaneBinaries>> {
  const args = ['use', '--installed-only', '-p', 'path', `${major}.${minor}.x`];
  const { ok, output } = await run({ command: 'setup-envtest', args, env });
  if (!ok) return 'setup-envtest is not on the PATH or has installed none';
  return await inspect(output.trim(), 'installed by setup-envtest');
}

async function fromGo(
  cached: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Found<ControlPlaneBinaries>> {
  if (!(await hasGo(env))) return 'no go to build it with';
  say(`control plane: building Kubernetes ${kubernetesVersion} with go (some minutes, once)`);
  return await orWhyNot('not built with go', async () => {
    await placed(cached, async (directory) => {
      for (const program of programs) await build(program, directory, env);
      const made = await inspect(directory, 'built with go');
      if (typeof made === 'string') throw new Error(made);
      if (await exists(cached)) await fillGaps(directory, cached);
      return directory;
    });
    return await inspect(cached, 'built with go');
  });
}

async function build(program: Program, directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const version = 'k8s.io/component-base/version';
  const named = { gitVersion: `v${kubernetesVersion}`, gitMajor: major, gitMinor: minor };
  const values = Object.entries(named).map(([name, value]) => `-X ${version}.${name}=${value}`);
  const linkerFlags = ['-s -w', ...values].join(' ');
  const output = join(directory, program);
  await goBuild({ module, package: packages[program], linkerFlags, output, env });
}

/** Of a directory from which somebody has deleted a program. */
async function fillGaps(directory: string, cached: string): Promise<void> {
  for (const program of programs) {
    const path = join(cached, program);
    if (await exists(path)) continue;
    const beside = join(cached, `${program}-${basename(directory)}`);
    await copyFile(join(directory, program), beside);
    await rename(beside, path);
  }
}

/** The programs of a directory, or why they cannot be used. */
async function inspect(directory: string, how: string): Promise<Found<ControlPlaneBinaries>> {
  for (const program of needed) {
    const path = join(directory, program);
    if (!(await exists(path))) return `${directory} has no ${program}`;
    const { ok, output } = await run({ command: path, args: ['--version'] });
    if (!ok) return `${path} does not run (${output.trim() || 'no output'})`;
    const found = /Kubernetes v(\d+\.\d+)/.exec(output)?.[1];
    if (program !== 'etcd' && found !== `${major}.${minor}`) {
      return `${path} is ${output.trim()}, not Kubernetes ${major}.${minor}`;
    }
  }
  const kubectl = join(directory, 'kubectl');
  return {
    etcd: join(directory, 'etcd'),
    apiServer: join(directory, 'kube-apiserver'),
    controllerManager: join(directory, 'kube-controller-manager'),
    kubectl: (await exists(kubectl)) ? kubectl : undefined,
    how,
  };
}
