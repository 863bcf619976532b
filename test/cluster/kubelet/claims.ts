import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { numberOf } from '../../../services/operator/api/quantity.ts';
import type { KubeApi } from '../kube-api.ts';
import { kubeletLabel } from './nodes.ts';
import type { Claim, PersistentVolume, Pod } from './pod.ts';

const provisioner = 'windlass.test/directory';
const provisionedBy = 'pv.kubernetes.io/provisioned-by';
const volumes = '/api/v1/persistentvolumes';

/** The class of claims that name none. Its volumes are directories and may grow. */
export async function registerStorageClass(api: KubeApi): Promise<void> {
  await api.ensure('/apis/storage.k8s.io/v1/storageclasses', {
    metadata: {
      name: 'standard',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  });
}

/** The claims of a pod by the names of its volumes. */
export function claimsOf({ spec }: Pod): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, persistentVolumeClaim } of spec.volumes ?? []) {
    if (persistentVolumeClaim !== undefined) found.set(name, persistentVolumeClaim.claimName);
  }
  return found;
}

/** Makes a volume for a claim; the volume controller binds the two. */
export async function provision(
  api: KubeApi,
  claim: Claim,
  directory: string,
  owner: string,
): Promise<void> {
  if (claim.spec.storageClassName !== 'standard' || claim.spec.volumeName !== undefined) return;
  const { uid, name, namespace } = claim.metadata;
  const path = join(directory, `pvc-${uid}`);
  await mkdir(path, { recursive: true, mode: 0o777 });
  await api.ensure(volumes, {
    metadata: {
      name: `pvc-${uid}`,
      labels: { [kubeletLabel]: owner },
      annotations: { [provisionedBy]: provisioner },
    },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'standard',
      hostPath: { path, type: 'DirectoryOrCreate' },
    },
  });
}

/** Deletes the data of a volume whose claim is gone, and the volume. */
export async function reclaim(api: KubeApi, volume: PersistentVolume): Promise<void> {
  const { metadata, spec, status } = volume;
  const isDone = status?.phase === 'Released' && spec.persistentVolumeReclaimPolicy === 'Delete';
  if (!isDone) return;
  if (spec.hostPath !== undefined) await rm(spec.hostPath.path, { recursive: true, force: true });
  await api.delete(`${volumes}/${metadata.name}`);
}

/** Gives a claim what it asks for when that is more than it has. */
export async function expand(api: KubeApi, claim: Claim): Promise<void> {
  const wanted = claim.spec.resources?.requests?.storage;
  const present = claim.status?.capacity?.storage;
  if (wanted === undefined || present === undefined) return;
  if (claim.spec.storageClassName !== 'standard' || numberOf(wanted) <= numberOf(present)) return;
  const { name, namespace } = claim.metadata;
  const capacity = { storage: wanted };
  await api.patch(`${volumes}/${claim.spec.volumeName}`, { spec: { capacity } });
  const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}/status`;
  await api.patch(path, { status: { capacity } });
}
