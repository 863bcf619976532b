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

/** There is no cluster to run on, which says nothing about the platform. */
export class NoCluster extends Error {
  override readonly name = 'NoCluster';
}

const scripts = ['up', 'down', 'load-image', 'tools'];

/**
 * The cluster of `KUBECONFIG`, or one that the scripts in `folder` bring up and take down. Throws
 * `NoCluster` with one sentence when there is neither.
 */
export async function takeCluster(
  folder: string | undefined,
  kubeconfig: string | undefined,
): Promise<GivenCluster> {
  if (folder !== undefined) return await ownCluster(folder);
  if (kubeconfig === undefined) {
    throw new NoCluster(
      'There is no cluster: KUBECONFIG names one, or WINDLASS_CLUSTER_SCRIPTS the scripts that ' +
        'bring one up.',
    );
  }
  const kubectl = new Kubectl('kubectl', kubeconfig);
  const { ok, errors } = await kubectl.attempt('version', '--request-timeout=10s');
  if (!ok) throw new NoCluster(`The cluster of KUBECONFIG does not answer: ${lastOf(errors)}`);
  return { kubectl, release: async () => {} };
}

async function ownCluster(folder: string): Promise<GivenCluster> {
  for (const name of scripts) {
    if (await exists(join(folder, name))) continue;
    throw new NoCluster(`WINDLASS_CLUSTER_SCRIPTS names a folder without ${name}.`);
  }
  const script = async (name: string, ...args: readonly string[]) => {
    const { ok, output, errors } = await execute(join(folder, name), args);
    if (!ok) throw new NoCluster(`${name} failed: ${lastOf(errors.trim() || output)}`);
    return output;
  };
  const programs = (await script('tools', '--bin')).trim();
  const release = async () => void (await script('down'));
  const start = async () => {
    try {
      // It ends with the line that a shell would take over.
      const [, address] = /export KUBECONFIG=(\S+)/.exec(await script('up')) ?? [];
      if (address === undefined) throw new NoCluster('up names no KUBECONFIG.');
      return address;
    } catch (error) {
      await release().catch(() => {});
      throw error;
    }
  };
  // Its own waits are short, and a machine may be busy with what was done before.
  const address = await start().catch(start);
  return {
    kubectl: new Kubectl(join(programs, 'kubectl'), address),
    load: async (images) => void (await script('load-image', ...images)),
    release,
  };
}

/** The last lines, as one. */
function lastOf(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-1_000);
}
