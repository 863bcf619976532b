import { expect, test } from '@jest/globals';
import { nodeFor } from './placement.ts';
import type { Node, Pod, PodSpec } from './pod.ts';

const nodes = ['a', 'b', 'c'].map((letter): Node => {
  const name = `node-${letter}`;
  return { metadata: { name, labels: { 'kubernetes.io/hostname': name, letter } } };
});

function pod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: {
      name,
      namespace: 'here',
      labels: { app: 'c' },
      ownerReferences: [{ kind: 'StatefulSet', name: 'c' }],
    },
    spec: { containers: [], ...spec },
  };
}

const apart = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'c' } } },
      ],
    },
  },
};
const onB = pod('c-1', { nodeName: 'node-b' });
const onAll = ['a', 'b', 'c'].map((letter) => pod('x', { nodeName: `node-${letter}` }));

test.each<readonly [string, Pod, readonly Node[], readonly Pod[], string | undefined]>([
  ['each ordinal its node', pod('c-1'), nodes, [], 'node-b'],
  ['more pods than nodes a second on one', pod('c-4'), nodes, [onB], 'node-b'],
  [
    'a pod the node that its selector names',
    pod('c-0', { nodeSelector: { letter: 'c' } }),
    nodes,
    [],
    'node-c',
  ],
  ['a repelled pod another node', pod('c-4', apart), nodes, [onB], 'node-a'],
  ['a pod that all nodes repel none', pod('c-3', apart), nodes, onAll, undefined],
  ['no pod where there are no nodes', pod('c-0'), [], [], undefined],
])('gives %s', (_, wanted, present, pods, name) => {
  expect(nodeFor(wanted, present, pods)?.metadata.name).toBe(name);
});

test('keeps off a cordoned node', () => {
  const cordoned = nodes.map((node) =>
    node.metadata.name === 'node-a' ? { ...node, spec: { unschedulable: true } } : node,
  );
  expect(nodeFor(pod('c-0'), cordoned, [])?.metadata.name).toBe('node-b');
});
