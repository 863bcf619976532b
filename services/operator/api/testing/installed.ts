import { parse } from 'yaml';
import type { ControlPlaneAccess } from '../../../../test/cluster/control-plane.ts';
import { KubeApi } from '../../../../test/cluster/kube-api.ts';
import { group, version } from '../kinds.ts';
import { crdFiles } from '../render.ts';

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const establishedMs = 60_000;
const pollMs = 50;

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly names: { readonly plural: string } };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * A client of a control plane that has the CRDs of this tree. Any number of test files may do so
 * at once: what is applied is the same.
 */
export async function withCrds({ kubeconfig }: ControlPlaneAccess): Promise<KubeApi> {
  const api = await KubeApi.from(kubeconfig);
  for (const text of crdFiles().values()) await install(api, parse(text) as Crd);
  return api;
}

async function install(api: KubeApi, crd: Crd): Promise<void> {
  const path = `${crds}/${crd.metadata.name}`;
  await api.patch(path, crd, 'apply');
  const deadline = performance.now() + establishedMs;
  while (!isEstablished(await api.get<Crd>(path)) || !(await isServed(api, crd))) {
    if (performance.now() > deadline) throw new Error(`${crd.metadata.name} is not served`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function isEstablished({ status }: Crd): boolean {
  return (status?.conditions ?? []).some(
    (each) => each.type === 'Established' && each.status === 'True',
  );
}

/** The server knows that it is established a moment before it answers. */
async function isServed(api: KubeApi, { spec }: Crd): Promise<boolean> {
  return (await api.find(`/apis/${group}/${version}/${spec.names.plural}?limit=1`)) !== undefined;
}
