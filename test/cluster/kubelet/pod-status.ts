import { createHash } from 'node:crypto';
import type { Container, ContainerState } from './container.ts';
import type { Pod } from './pod.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

interface PodCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly lastTransitionTime: string;
}

export interface PodStatus {
  readonly phase: PodPhase;
  readonly hostIP: string;
  readonly podIP: string;
  readonly podIPs: readonly { readonly ip: string }[];
  readonly startTime: string;
  readonly conditions: readonly PodCondition[];
  readonly containerStatuses: readonly object[];
  readonly initContainerStatuses: readonly object[];
}

/** What is true of the pod as a whole. */
export interface PodIdentity {
  readonly hostIp: string;
  readonly podIp: string;
  readonly startTime: string;
  /** No container is started again. */
  readonly isLeaving: boolean;
}

/** The status of a pod as its node reports it. Times of transition are kept from `before`. */
export function podStatus(
  pod: Pod,
  containers: readonly Container[],
  { hostIp, podIp, startTime, isLeaving }: PodIdentity,
  before: PodStatus | undefined,
): PodStatus {
  const isReady = containers.length > 0 && containers.every((each) => each.isReady);
  const now = new Date().toISOString();
  const condition = (type: string, isTrue: boolean, reason?: string): PodCondition => {
    const status = isTrue ? 'True' : 'False';
    const known = before?.conditions.find((each) => each.type === type);
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : now;
    const why = isTrue || reason === undefined ? {} : { reason };
    return { type, status, ...why, lastTransitionTime };
  };
  return {
    phase: phaseOf(
      containers.map(({ state }) => state),
      isLeaving,
    ),
    hostIP: hostIp,
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime,
    conditions: [
      condition('Initialized', containers.length > 0, 'ContainersNotInitialized'),
      condition('PodReadyToStartContainers', containers.length > 0),
      condition('ContainersReady', isReady, 'ContainersNotReady'),
      condition('Ready', isReady, 'ContainersNotReady'),
    ],
    containerStatuses: containers.map(containerStatus),
    initContainerStatuses: (pod.spec.initContainers ?? []).map(({ name, image }) => ({
      name,
      image,
      imageID: imageId(image),
      ready: true,
      restartCount: 0,
      state: {
        terminated: {
          exitCode: 0,
          reason: 'Completed',
          startedAt: startTime,
          finishedAt: startTime,
        },
      },
    })),
  };
}

/**
 * A pod that is being ended is over with its last container; while the first start of one is
 * awaited, it has not yet begun.
 */
function phaseOf(states: readonly ContainerState[], isLeaving: boolean): PodPhase {
  if (isLeaving && states.every((state) => 'terminated' in state)) {
    const isGood = states.every(
      (state) => 'terminated' in state && state.terminated.exitCode === 0,
    );
    return isGood ? 'Succeeded' : 'Failed';
  }
  const isBegun = states.length > 0 && states.every((state) => !isFirstWait(state));
  return isBegun ? 'Running' : 'Pending';
}

function isFirstWait(state: ContainerState): boolean {
  return 'waiting' in state && state.waiting.reason !== 'CrashLoopBackOff';
}

function containerStatus(container: Container): object {
  const { spec, state, lastState, isReady, isStarted, restarts } = container;
  return {
    name: spec.name,
    image: spec.image,
    imageID: imageId(spec.image),
    ready: isReady,
    started: isStarted,
    restartCount: restarts,
    state,
    lastState: lastState ?? {},
  };
}

/** The same image always has the same. */
function imageId(image: string): string {
  return `${image.split('@')[0]}@sha256:${createHash('sha256').update(image).digest('hex')}`;
}
