/** The cluster domain that nearly every Kubernetes has. */
const domain = 'svc.cluster.local';

/**
 * The names under which a server of a cluster is reached: by clients through the Service, by
 * its peers and by whoever wants one of them through the headless one, and on its own machine.
 */
export function serverNames(cluster: string, namespace: string): string[] {
  const forms = (name: string) => [
    name,
    `${name}.${namespace}`,
    `${name}.${namespace}.svc`,
    `${name}.${namespace}.${domain}`,
  ];
  return [...forms(cluster), ...forms(`*.${cluster}-headless`), 'localhost'];
}

/** Of a client on the server's own machine. Pods are reached by name, for theirs change. */
export const serverAddresses: readonly string[] = ['127.0.0.1'];
