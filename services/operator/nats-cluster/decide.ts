import { describeStep } from '../certificates/cluster-certificates.ts';
import type { ClusterAction } from './actions.ts';
import { allChildren, changedChildren } from './children/all.ts';
import type { Owner } from './children/child.ts';
import { type Configuration, configurationOf } from './configuration.ts';
import { type CredentialsDecision, credentials } from './credentials.ts';
import type { Facts } from './facts.ts';
import { type ReplacementDecision, replacement } from './lost-volume.ts';
import { type ReloadDecision, reload } from './reload.ts';
import { startDigestOf } from './reload-or-roll.ts';
import { type RollDecision, roll } from './roll.ts';
import { routedServers, type ScaleDecision, scale } from './scale.ts';
import { storage } from './storage.ts';
import { type VersionDecision, versionSkew } from './version-skew.ts';

/** What each policy says of the same facts. */
export interface Decisions {
  readonly credentials: CredentialsDecision;
  readonly version: VersionDecision;
  readonly scale: ScaleDecision;
  readonly replacement: ReplacementDecision;
  readonly configuration: Configuration | undefined;
  readonly reload: ReloadDecision;
  readonly roll: RollDecision;
  readonly actions: readonly ClusterAction[];
}

const noReload: ReloadDecision = { actions: [], behind: [] };
const noRoll: RollDecision = { actions: [], rollout: undefined, hasTimedOut: false };

/** Each policy sees all facts; what disturbs the cluster is decided last, and one at a time. */
export function decide(owner: Owner, facts: Facts): Decisions {
  const keys = credentials(facts);
  const version = versionSkew(facts);
  const size = scale(facts);
  const disk = storage(facts);
  const volume = replacement(facts);
  const configuration = configurationFor(facts, keys, size, disk.volumeBytes);
  const wanted = {
    owner,
    replicas: size.replicas,
    version: version.version,
    isHeld: version.refusal !== undefined,
    replacing: volume.replacing,
    configuration,
  };
  const changed = changedChildren(facts, allChildren(facts, wanted));
  const applies = changed.map(
    ({ resource, object }): ClusterAction => ({
      do: 'apply',
      resource,
      object,
      describe: `apply ${object.kind} ${object.metadata.name}`,
    }),
  );
  const first = preparations(facts, keys);
  const reloading = configuration === undefined ? noReload : reloadFor(facts, configuration);
  const isQuiet = applies.length === 0 && size.step === undefined && volume.victim === undefined;
  const rolling =
    isQuiet && configuration !== undefined ? roll(facts, configuration.digest) : noRoll;
  return {
    credentials: keys,
    version,
    scale: size,
    replacement: volume,
    configuration,
    reload: reloading,
    roll: rolling,
    actions:
      first.length > 0
        ? first
        : [
            ...applies,
            ...disk.actions,
            ...size.actions,
            ...reloading.actions,
            ...(size.step === undefined ? volume.actions : []),
            ...rolling.actions,
          ],
  };
}

/** What everything else is made from. */
function preparations(facts: Facts, keys: CredentialsDecision): readonly ClusterAction[] {
  const { step } = facts.certificates;
  return [
    ...(keys.kind === 'make'
      ? [
          {
            do: 'makeCredentials' as const,
            accounts: keys.accounts,
            describe: "make keys for the operator's own users",
          },
        ]
      : []),
    ...(step === undefined
      ? []
      : [{ do: 'certificates' as const, step, describe: describeStep(step) }]),
  ];
}

/** Undefined while something that it names is missing: then what is there stays as it is. */
function configurationFor(
  facts: Facts,
  keys: CredentialsDecision,
  size: ScaleDecision,
  volumeBytes: number,
): Configuration | undefined {
  const { credentials: own, certificates, spec, cluster, users } = facts;
  const hasTls = spec.tls.mode !== 'Disabled';
  if (keys.kind !== 'complete' || own?.system === undefined) return undefined;
  if (hasTls && (!certificates.isWhole || certificates.digest === undefined)) return undefined;
  return configurationOf({
    cluster,
    spec,
    servers: routedServers(facts, size),
    volumeBytes,
    operator: { system: own.system, accounts: own.accounts },
    users,
    ...(hasTls && certificates.digest !== undefined ? { tlsDigest: certificates.digest } : {}),
  });
}

function reloadFor(facts: Facts, { digest, block }: Configuration): ReloadDecision {
  return reload(facts, {
    digest,
    startConfig: startDigestOf(block),
    certificateNotAfterMs: facts.certificates.notAfter,
  });
}
