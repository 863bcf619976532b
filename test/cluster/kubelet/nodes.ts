import { hostname } from 'node:os';
import type { KubeApi } from '../kube-api.ts';

const zones = ['zone-a', 'zone-b', 'zone-c', 'zone-d', 'zone-e'] as const;
const capacity = { cpu: '64', memory: '256Gi', pods: '250', 'ephemeral-storage': '1Ti' };

/** The label by which a kubelet knows its own nodes and volumes. */
export const kubeletLabel = 'windlass.test/kubelet';

/** Registers nodes `<prefix>-a`, `-b`, …, each in a zone of its own. Gives their names. */
export async function registerNodes(
  api: KubeApi,
  prefix: string,
  address: string,
  count: number,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const zone of zones.slice(0, count)) {
    const name = `${prefix}-${zone.at(-1)}`;
    const labels = {
      [kubeletLabel]: prefix,
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'topology.kubernetes.io/region': 'test',
      'topology.kubernetes.io/zone': zone,
    };
    await api.ensure('/api/v1/nodes', { metadata: { name, labels } });
    await api.patch(`/api/v1/nodes/${name}/status`, { status: statusOf(name, address) });
    // The controllers find a node without heartbeats unready and taint it.
    await api.patch(`/api/v1/nodes/${name}`, { spec: { taints: null } });
    names.push(name);
  }
  return names;
}

function statusOf(name: string, address: string) {
  const now = new Date().toISOString();
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: `a test kubelet on ${hostname()}`,
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      },
    ],
  };
}
