import { hasLabels, type Node, type Pod } from './pod.ts';

/**
 * The node for a pod: by its ordinal in a StatefulSet, so that neighbours are in different zones,
 * and otherwise where fewest pods are. Undefined when no node will have it. Keeps to required
 * anti-affinity and to node selectors, not to resources.
 */
export function nodeFor(pod: Pod, nodes: readonly Node[], pods: readonly Pod[]): Node | undefined {
  const possible = nodes
    .filter((node) => node.spec?.unschedulable !== true)
    .filter((node) => hasLabels(node, pod.spec.nodeSelector))
    .filter((node) => !isRepelled(pod, node, nodes, pods))
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  const ordinal = /-(\d+)$/.exec(pod.metadata.name)?.[1];
  if (ordinal !== undefined && isOfStatefulSet(pod)) {
    const preferred = Number(ordinal) % Math.max(nodes.length, 1);
    const names = nodes.map(({ metadata }) => metadata.name).sort();
    const found = possible.find(({ metadata }) => metadata.name === names[preferred]);
    if (found !== undefined) return found;
  }
  const load = (node: Node) =>
    pods.filter(({ spec }) => spec.nodeName === node.metadata.name).length;
  return possible.reduce<Node | undefined>(
    (best, node) => (best === undefined || load(node) < load(best) ? node : best),
    undefined,
  );
}

function isOfStatefulSet({ metadata }: Pod): boolean {
  return metadata.ownerReferences?.some(({ kind }) => kind === 'StatefulSet') === true;
}

function isRepelled(pod: Pod, node: Node, nodes: readonly Node[], pods: readonly Pod[]): boolean {
  const terms =
    pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some(({ topologyKey, labelSelector }) => {
    const domain = node.metadata.labels?.[topologyKey];
    const neighbours = nodes.filter(({ metadata }) => metadata.labels?.[topologyKey] === domain);
    const names = new Set(neighbours.map(({ metadata }) => metadata.name));
    return pods.some(
      (other) =>
        other.metadata.namespace === pod.metadata.namespace &&
        names.has(other.spec.nodeName ?? '') &&
        hasLabels(other, labelSelector?.matchLabels),
    );
  });
}
