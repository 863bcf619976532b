import { hasLabels, isReady, type Pod, type Service } from './pod.ts';

const domain = 'cluster.local';

/**
 * The hosts file of the pods of a namespace: what the cluster's DNS would answer. Services are
 * names of their pods, for there is nothing that would forward their addresses.
 */
export function hostsFile(
  namespace: string,
  pods: readonly Pod[],
  services: readonly Service[],
): string {
  const lines = ['127.0.0.1 localhost'];
  for (const service of services) {
    const { name, namespace: own = '' } = service.metadata;
    if (service.spec.selector === undefined) continue;
    for (const pod of pods) {
      const address = pod.status?.podIP;
      if (address === undefined || pod.metadata.namespace !== own) continue;
      if (!hasLabels(pod, service.spec.selector) || !isPublished(pod, service)) continue;
      lines.push(`${address} ${namesOf(name, own, namespace).join(' ')}`);
      if (pod.spec.subdomain !== name || pod.spec.hostname === undefined) continue;
      lines.push(`${address} ${namesOf(`${pod.spec.hostname}.${name}`, own, namespace).join(' ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A pod that is being deleted is not ready for anything, however it answers its probes. */
function isPublished(pod: Pod, service: Service): boolean {
  if (service.spec.publishNotReadyAddresses === true) return true;
  return isReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

function namesOf(name: string, namespace: string, seenFrom: string): string[] {
  const qualified = `${name}.${namespace}`;
  return [
    ...(namespace === seenFrom ? [name] : []),
    qualified,
    `${qualified}.svc`,
    `${qualified}.svc.${domain}`,
  ];
}
