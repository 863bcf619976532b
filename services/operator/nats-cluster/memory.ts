import type { Remembered } from './facts.ts';

const clustersLimit = 1_000;
const entriesLimit = 64;

interface Entry {
  wellSinceMs: number | undefined;
  leader: string | undefined;
  readonly reloadedAtMs: Map<string, number>;
  readonly refusedReloads: Map<string, string>;
  readonly removedPeers: Map<string, number>;
}

/**
 * What one process remembers of each cluster, by its uid, between two looks at it. A process
 * that takes over starts with nothing, which makes it wait longer and ask servers again.
 */
export class Memory {
  private readonly entries = new Map<string, Entry>();

  of(uid: string): Remembered {
    const { wellSinceMs, reloadedAtMs, refusedReloads, removedPeers } = this.entry(uid);
    return {
      wellSinceMs,
      reloadedAtMs: new Map(reloadedAtMs),
      refusedReloads: new Map(refusedReloads),
      removedPeers: new Map(removedPeers),
    };
  }

  /** A reading of the gate. Another leader of the meta group counts as a disturbance. */
  read(uid: string, reading: { isWell: boolean; leader: string | undefined; atMs: number }): void {
    const entry = this.entry(uid);
    const isSame = reading.isWell && entry.leader === reading.leader;
    entry.leader = reading.leader;
    if (!reading.isWell) entry.wellSinceMs = undefined;
    else if (!isSame || entry.wellSinceMs === undefined) entry.wellSinceMs = reading.atMs;
  }

  /** Something was done that disturbs the cluster: what was read before says nothing any more. */
  disturbed(uid: string): void {
    this.entry(uid).wellSinceMs = undefined;
  }

  reloaded(uid: string, serverId: string, atMs: number): void {
    put(this.entry(uid).reloadedAtMs, serverId, atMs);
  }

  refused(uid: string, key: string, why: string): void {
    put(this.entry(uid).refusedReloads, key, why);
  }

  accepted(uid: string, key: string): void {
    this.entry(uid).refusedReloads.delete(key);
  }

  removed(uid: string, peer: string, atMs: number): void {
    put(this.entry(uid).removedPeers, peer, atMs);
  }

  /** It is in the status now, or back in the group. */
  forgetRemoval(uid: string, peer: string): void {
    this.entry(uid).removedPeers.delete(peer);
  }

  private entry(uid: string): Entry {
    const known = this.entries.get(uid);
    if (known !== undefined) return known;
    const entry: Entry = {
      wellSinceMs: undefined,
      leader: undefined,
      reloadedAtMs: new Map(),
      refusedReloads: new Map(),
      removedPeers: new Map(),
    };
    if (this.entries.size >= clustersLimit) this.entries.clear();
    this.entries.set(uid, entry);
    return entry;
  }
}

function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  const [oldest] = map.keys();
  if (map.size >= entriesLimit && oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}
