import { services } from '../../api/core.ts';
import { annotations, children, ports, selectorOf } from '../names.ts';
import { type Child, child, type Owner } from './child.ts';

const clientPort = { name: 'client', port: ports.client, targetPort: 'client', protocol: 'TCP' };

/** Where clients connect to: servers that are ready, and only their client port. */
export function clientService(owner: Owner): Child {
  return child(services, owner, children(owner.name).clientService, {
    spec: { type: 'ClusterIP', selector: selectorOf(owner.name), ports: [clientPort] },
  });
}

/**
 * The names by which servers find each other. Also of servers that are not ready: at a cold
 * start none would become ready without the others. Keeps which claim is being replaced.
 */
export function headlessService(owner: Owner, replacing: string | undefined): Child {
  const body = {
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorOf(owner.name),
      ports: [
        clientPort,
        { name: 'cluster', port: ports.cluster, targetPort: 'cluster', protocol: 'TCP' },
        { name: 'monitor', port: ports.monitor, targetPort: 'monitor', protocol: 'TCP' },
      ],
    },
  };
  const annotated = replacing === undefined ? {} : { [annotations.replacing]: replacing };
  return child(services, owner, children(owner.name).headlessService, body, annotated);
}
