import { join } from 'node:path';
import { exists } from '@windlass/local/directory.ts';
import { execute, Kubectl } from './kubectl.ts';

/** A cluster to run on, and what is to be done when the run is over. */
export interface GivenCluster {
  readonly kubectl: Kubectl;
  /** Puts images on the nodes; absent where they have to be there already. */
  readonly load?: (images: readonly string[]) => Promise<void>;
  release(): Promise<void>;
}

const scripts = ['up', 'down', 'load-image', 'tools'];

/**
 * The cluster of `KUBECONFIG`, or one that the scripts in `folder` bring up and take down. Throws
 * one sentence when there is neither.
 */
export async function takeCluster(
  folder: string | undefined,
  kubeconfig: string | undefined,
): Promise<GivenCluster> {
  if (folder !== undefined) return await ownCluster(folder);
  if (kubeconfig === undefined) {
    throw new Error(
      'There is no cluster: KUBECONFIG names one, or WINDLASS_CLUSTER_SCRIPTS the scripts that ' +
        'bring one up.',
    );
  }
  const kubectl = new Kubectl('kubectl', kubeconfig);
  await kubectl.run('version', '--request-timeout=10s');
  return { kubectl, release: async () => {} };
}

async function ownCluster(folder: string): Promise<GivenCluster> {
  for (const name of scripts) {
    if (await exists(join(folder, name))) continue;
    throw new Error(`WINDLASS_CLUSTER_SCRIPTS names a folder without ${name}.`);
  }
  const script = async (name: string, ...args: readonly string[]) => {
    const { ok, output, errors } = await execute(join(folder, name), args);
    if (!ok) throw new Error(`${name} failed: ${(errors || output).trim().slice(-2_000)}`);
    return output;
  };
  const programs = (await script('tools', '--bin')).trim();
  const release = async () => void (await script('down'));
  let address: string | undefined;
  try {
    // It ends with the line that a shell would take over.
    [, address] = /export KUBECONFIG=(\S+)/.exec(await script('up')) ?? [];
  } catch (error) {
    await release().catch(() => {});
    throw error;
  }
  return {
    kubectl: new Kubectl(join(programs, 'kubectl'), address),
    load: async (images) => void (await script('load-image', ...images)),
    release,
  };
}
