import type { k8s } from 'cdk8s-plus-27';
import { nonRoot, quantity } from './naming.ts';

/** Of a pod that the Pod Security Standard "restricted" admits. */
export function restrictedPod(user: number = nonRoot): k8s.PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    fsGroup: user,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

export const restrictedContainer: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/**
 * Memory is asked for in full, because a process cannot give it back; the processor has no limit,
 * because a limit makes a process wait although the node is idle.
 */
export function resources(cpuMillis: number, memory: string): k8s.ResourceRequirements {
  return {
    requests: { cpu: quantity(`${Math.ceil(cpuMillis)}m`), memory: quantity(memory) },
    limits: { memory: quantity(memory) },
  };
}

/** Zones first, then nodes, each as far as there is room. */
export function spread(matchLabels: Record<string, string>): k8s.TopologySpreadConstraint[] {
  return ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels },
    // Pods of the generation before do not count, or a rollout would be spread around them.
    matchLabelKeys: ['pod-template-hash'],
  }));
}

/** The one folder that a process may write to. */
export const temporary = {
  volume: { name: 'tmp', emptyDir: { sizeLimit: quantity('64Mi') } } satisfies k8s.Volume,
  mount: { name: 'tmp', mountPath: '/tmp' } satisfies k8s.VolumeMount,
} as const;
