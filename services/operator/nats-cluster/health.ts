import { millisecondsOf } from '../api/duration.ts';
import type { Condition } from '../control/objects.ts';
import { type Asset, nameOf } from './assets.ts';
import { type Facts, metaOf, quarantinedOf } from './facts.ts';
import { blockers, diskPercentOf, isCurrent } from './gate.ts';

const diskLimitPercent = 85;
const namedLimit = 5;
/** Under load every replica but the fastest is a little behind at any moment. */
const riskyLag = 250;

/** What goes on, as the other policies have decided it. */
export interface Progress {
  /** What is under way, in a sentence; undefined when nothing is. */
  readonly underWay: { readonly reason: string; readonly message: string } | undefined;
  /** What does not go on by itself. */
  readonly problems: readonly { readonly reason: string; readonly message: string }[];
  readonly versionRefusal: { readonly reason: string; readonly message: string } | undefined;
  readonly ailments: readonly string[];
}

/** What is wrong, apart from replicas that are a little behind, as they are under load. */
export function ailments(facts: Facts, servers: number): readonly string[] {
  const assets = facts.assets.map((asset) => ({
    ...asset,
    isMoving: false,
    peers: asset.peers.map((peer) => ({ ...peer, current: !peer.offline, lag: 0 })),
  }));
  const quarantined = quarantinedOf(facts);
  return blockers({ ...facts, assets }, { servers, maxLag: 0, quarantined });
}

/** The conditions of the kind, every one of them each time. */
export function conditions(facts: Facts, progress: Progress): readonly Condition[] {
  const { underWay, versionRefusal } = progress;
  return [
    available(facts),
    underWay === undefined
      ? no('Progressing', 'Complete', 'The cluster is as it should be.')
      : yes('Progressing', underWay.reason, underWay.message),
    degraded(progress),
    quorumAtRisk(facts),
    diskPressure(facts),
    certificateExpiring(facts),
    versionRefusal === undefined
      ? no('VersionSkew', 'Supported', 'The servers run the wanted version, or roll to it.')
      : yes('VersionSkew', versionRefusal.reason, versionRefusal.message),
  ];
}

/** Whether clients can publish: somebody accepts them, and the cluster has a leader. */
function available(facts: Facts): Condition {
  const { servers, pods, unreachable } = facts;
  const ready = pods.filter(({ isReady, isTerminating }) => isReady && !isTerminating).length;
  if (ready === 0) return no('Available', 'NoServerReady', 'No server accepts connections.');
  if (servers.length === 0) {
    return unknown('Available', 'Unreachable', unreachable ?? 'No server answers.');
  }
  const isClustered = servers.some(({ meta }) => meta !== undefined);
  const leader = metaOf(facts)?.leader;
  if (isClustered && leader === undefined) {
    return no('Available', 'NoMetaLeader', 'The servers have no leader: they have no quorum.');
  }
  return yes('Available', 'Serving', `${ready} servers accept connections.`);
}

function degraded({ problems, underWay, ailments: present }: Progress): Condition {
  const [problem] = problems;
  if (problem !== undefined) {
    return yes('Degraded', problem.reason, problems.map(({ message }) => message).join(' '));
  }
  const isExpected = underWay !== undefined && underWay.reason !== 'ServersNotReady';
  if (!isExpected && present.length > 0) {
    return yes('Degraded', 'NotAllIsWell', `${listed(present)}.`);
  }
  return no('Degraded', 'AsExpected', 'Nothing is wrong, or it is being mended.');
}

/** Whether one more loss would stop the cluster, or a stream that is to survive it. */
function quorumAtRisk(facts: Facts): Condition {
  const type = 'QuorumAtRisk';
  if (facts.servers.length === 0) {
    return unknown(type, 'Unreachable', facts.unreachable ?? 'No server answers.');
  }
  const meta = metaOf(facts);
  if (facts.spec.replicas > 1 && meta === undefined) {
    return yes(type, 'NoMetaLeader', 'The meta group has no leader.');
  }
  if (meta !== undefined && meta.size > 2) {
    const present = 1 + meta.peers.filter((peer) => isCurrent(peer, riskyLag)).length;
    if (!survivesLoss(present, meta.size)) {
      const message = `${present} of ${meta.size} servers of the meta group are current.`;
      return yes(type, 'MetaGroup', message);
    }
  }
  const weak = facts.assets.filter(isWeak);
  if (weak.length === 0) return no(type, 'Safe', 'The loss of one server stops nothing.');
  return yes(type, 'Streams', `Too few current replicas: ${listed(weak.map(nameOf))}.`);
}

function isWeak({ replicas, leader, peers }: Asset): boolean {
  if (replicas < 3) return false;
  if (leader === undefined) return true;
  const present = 1 + peers.filter((peer) => isCurrent(peer, riskyLag)).length;
  return !survivesLoss(present, replicas);
}

function survivesLoss(present: number, size: number): boolean {
  return present - 1 >= Math.floor(size / 2) + 1;
}

function diskPressure({ servers }: Facts): Condition {
  const full = servers
    .map((server) => ({ name: server.name, percent: diskPercentOf(server) }))
    .filter(({ percent }) => percent > diskLimitPercent);
  if (full.length === 0) {
    return no(
      'DiskPressure',
      'EnoughSpace',
      `No file store is more than ${diskLimitPercent} % full.`,
    );
  }
  const text = full.map(({ name, percent }) => `${name} is ${percent} % full`);
  return yes('DiskPressure', 'FileStoreFilling', `${listed(text)}: let storage.size grow.`);
}

/** What the operator renews is late at half of the time that it has for it. */
function certificateExpiring({ spec, certificates, nowMs }: Facts): Condition {
  const type = 'CertExpiring';
  if (spec.tls.mode === 'Disabled') return no(type, 'NoTLS', 'The cluster has no certificates.');
  const { notAfter } = certificates;
  if (notAfter === undefined) return unknown(type, 'NoCertificate', 'There is no certificate yet.');
  const renewBeforeMs = millisecondsOf(spec.tls.renewBefore);
  const early = spec.tls.mode === 'Secret' ? renewBeforeMs : renewBeforeMs / 2;
  const until = new Date(notAfter).toISOString();
  return notAfter - nowMs < early
    ? yes(type, 'EndsSoon', `The certificate ends at ${until}.`)
    : no(type, 'Valid', `The certificate is valid until ${until}.`);
}

function listed(texts: readonly string[]): string {
  const more = texts.length - namedLimit;
  const named = texts.slice(0, namedLimit).join('; ');
  return more > 0 ? `${named}; and ${more} more` : named;
}

function yes(type: string, reason: string, message: string): Condition {
  return { type, status: 'True', reason, message };
}

function no(type: string, reason: string, message: string): Condition {
  return { type, status: 'False', reason, message };
}

function unknown(type: string, reason: string, message: string): Condition {
  return { type, status: 'Unknown', reason, message };
}
