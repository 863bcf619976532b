import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveControlPlane } from './binaries.ts';

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

/** An environment in which nothing is found. */
function bare(): NodeJS.ProcessEnv {
  return { PATH: directory.path, XDG_CACHE_HOME: directory.path };
}

/** Programs that say a version and do nothing else. */
async function pretendPrograms(name: string, version: string): Promise<string> {
  const path = join(directory.path, name);
  await mkdir(path, { recursive: true });
  for (const program of ['etcd', 'kube-apiserver', 'kube-controller-manager']) {
    const script = `#!/bin/sh\necho "Kubernetes v${version}"\n`;
    await writeFile(join(path, program), script, { mode: 0o755 });
  }
  return path;
}

test('takes the programs that KUBEBUILDER_ASSETS names', async () => {
  const path = await pretendPrograms('named', '1.34.9');
  const found = await resolveControlPlane({ env: { ...bare(), KUBEBUILDER_ASSETS: path } });
  expect(found).toEqual({
    etcd: join(path, 'etcd'),
    apiServer: join(path, 'kube-apiserver'),
    controllerManager: join(path, 'kube-controller-manager'),
    kubectl: undefined,
    how: 'named by KUBEBUILDER_ASSETS',
  });
});

test.each([
  ['without programs', 'empty', undefined, 'empty has no etcd'],
  ['of another version', 'old', '1.30.0', 'is Kubernetes v1.30.0, not Kubernetes 1.34'],
])(
  'refuses a KUBEBUILDER_ASSETS %s instead of looking elsewhere',
  async (_, name, version, why) => {
    const path =
      version === undefined ? join(directory.path, name) : await pretendPrograms(name, version);
    const env = { ...bare(), KUBEBUILDER_ASSETS: path };
    await expect(resolveControlPlane({ env })).rejects.toThrow(why);
  },
);

test('says what it has tried where there are none', async () => {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const found = resolveControlPlane({ env: bare(), offline: true, say });
  await expect(found).rejects.toMatchObject({ name: 'NoBinaries' });
  expect(said).toEqual([
    expect.stringContaining('has no etcd'),
    'control plane: setup-envtest is not on the PATH or has installed none',
  ]);
});

test('says that there is no go where it would have to build', async () => {
  await expect(resolveControlPlane({ env: bare() })).rejects.toThrow('no go to build it with');
});
