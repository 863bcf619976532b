import type { ClusterAction } from './actions.ts';
import { type Facts, refusalKey } from './facts.ts';
import { needsRestart } from './roll.ts';

/** The kubelet writes a changed ConfigMap into the pod later; until then the old one is read. */
const againAfterMs = 2_000;
/** A file may have been unreadable only while the kubelet replaced it. */
const refusedAgainMs = 30_000;
/** Certificates end at whole seconds. */
const roundingMs = 1_000;

export interface ReloadDecision {
  readonly actions: readonly ClusterAction[];
  /** Servers that do not run what they should, and can without a restart. */
  readonly behind: readonly string[];
  readonly refusal?: { readonly reason: string; readonly message: string };
}

export interface Target {
  readonly digest: string;
  /** What a server takes over only when it starts: with another one it waits for the roll. */
  readonly startConfig: string;
  readonly certificateNotAfterMs: number | undefined;
}

/**
 * Tells servers to read their configuration again until each says that it runs the wanted one,
 * and that its certificate is the one in the Secret. A server says neither by accepting the
 * request: it reads whatever its kubelet has written by then.
 */
export function reload(facts: Facts, target: Target): ReloadDecision {
  const behind = facts.servers.filter((server) => {
    const pod = facts.pods.find(({ name }) => name === server.name);
    if (pod === undefined || pod.isTerminating) return false;
    if (pod.ordinal >= (facts.statefulSet?.replicas ?? 0)) return false;
    if (pod.startConfig !== target.startConfig) return false;
    return server.config !== target.digest || !hasCertificate(server, target);
  });
  const refusals = behind.flatMap(({ id, name }) => {
    const refusal = facts.memory.refusedReloads.get(refusalKey(id, target.digest));
    return refusal === undefined ? [] : [{ id, name, refusal }];
  });
  const refused = refusals.find(({ refusal }) => !needsRestart(refusal));
  const isDue = (id: string) => {
    const at = facts.memory.reloadedAtMs.get(id);
    const isRefused = refusals.some((each) => each.id === id);
    if (at === undefined) return !isRefused;
    return facts.nowMs - at >= (isRefused ? refusedAgainMs : againAfterMs);
  };
  return {
    behind: behind.map(({ name }) => name),
    actions: behind
      .filter(({ id }) => isDue(id))
      .map(({ name, id }) => ({
        do: 'reload',
        server: name,
        serverId: id,
        digest: target.digest,
        describe: `let ${name} read its configuration again`,
      })),
    ...(refused === undefined
      ? {}
      : {
          refusal: {
            reason: 'ConfigurationRefused',
            message: `${refused.name} refuses its configuration: ${refused.refusal}`,
          },
        }),
  };
}

function hasCertificate(server: Facts['servers'][number], target: Target): boolean {
  const { certificateNotAfterMs: wanted } = target;
  if (wanted === undefined || server.certificateNotAfterMs === undefined) return true;
  return Math.abs(server.certificateNotAfterMs - wanted) < roundingMs;
}
