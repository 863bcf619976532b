import { stringify } from 'yaml';
import type { Environment } from './environments.ts';
import { header } from './files.ts';

const zones = ['zone-a', 'zone-b', 'zone-c'];
/** Of this machine. */
const hostPort = 8_080;

/** The configuration with which kind makes a cluster of three zones that fits `dev`. */
export function kindCluster({ access }: Environment): string {
  if (access.kind !== 'node-port') throw new Error('kind reaches services by their node port.');
  return `${header}${stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    name: 'windlass',
    nodes: [
      {
        role: 'control-plane',
        extraPortMappings: [
          { containerPort: access.port, hostPort, listenAddress: '127.0.0.1', protocol: 'TCP' },
        ],
      },
      ...zones.map((zone) => ({
        role: 'worker',
        labels: { 'topology.kubernetes.io/zone': zone },
      })),
    ],
  })}`;
}
