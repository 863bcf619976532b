import type { Facts } from './facts.ts';
import { annotations } from './names.ts';

export interface VersionDecision {
  /** What the servers are to run. */
  readonly version: string;
  readonly refusal?: { readonly reason: string; readonly message: string };
}

/** Minor versions with a release, and the API level of each (ADR-44). 2.13 was skipped. */
const levels: ReadonlyMap<string, number> = new Map([
  ['2.12', 2],
  ['2.14', 4],
  ['2.15', 5],
]);
const minors = [...levels.keys()];

/**
 * One minor version at a time, as the project tests it, and never below what the streams and
 * consumers need: a server that is too old for one takes it off line.
 */
export function versionSkew(facts: Facts): VersionDecision {
  const wanted = facts.spec.version;
  const present = facts.statefulSet?.annotations[annotations.version];
  if (present === undefined || present === wanted) return { version: wanted };
  const refused = (reason: string, message: string): VersionDecision => ({
    version: present,
    refusal: { reason, message },
  });
  const step = stepBetween(present, wanted);
  if (step > 1 || step < -1) {
    const through = minors[minors.indexOf(minorOf(present)) + Math.sign(step)];
    const hint = through === undefined ? '' : ` Go through ${through} first.`;
    return refused('MinorVersionSkipped', `From ${present} to ${wanted} skips a version.${hint}`);
  }
  const level = levels.get(minorOf(wanted));
  const isOlder = compare(wanted, present) < 0;
  if (isOlder && facts.servers.length < facts.pods.length) {
    return refused('NotAllServersAnswer', 'Not all servers say what their streams need.');
  }
  const needing = facts.assets.find(({ requiredLevel }) => requiredLevel > (level ?? Infinity));
  if (isOlder && needing !== undefined) {
    const { account, stream, requiredLevel } = needing;
    return refused(
      'StreamsNeedNewerVersion',
      `${account}/${stream} needs API level ${requiredLevel}, ${wanted} has ${level}.`,
    );
  }
  return { version: wanted };
}

/** How many minor versions lie between; unknown ones are taken to follow the known. */
function stepBetween(from: string, to: string): number {
  const [a, b] = [minors.indexOf(minorOf(from)), minors.indexOf(minorOf(to))];
  if (a !== -1 && b !== -1) return b - a;
  const [[fromMajor = 0, fromMinor = 0], [toMajor = 0, toMinor = 0]] = [numbers(from), numbers(to)];
  return fromMajor === toMajor ? toMinor - fromMinor : (toMajor - fromMajor) * 100;
}

function minorOf(version: string): string {
  return version.split('.', 2).join('.');
}

function numbers(version: string): number[] {
  return version.split(/[.-]/, 3).map(Number);
}

function compare(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  const at = left.findIndex((part, index) => part !== right[index]);
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
