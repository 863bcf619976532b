/** A key that was replaced and is still accepted. Times are epoch milliseconds. */
export interface PreviousKey {
  readonly publicKey: string;
  readonly until: number;
}

/** What is written of keys beside their seeds. */
export interface KeyRecord {
  /** When the present key took over; undefined when somebody has removed it. */
  readonly since: number | undefined;
  /** The newest first. */
  readonly previous: readonly PreviousKey[];
  /** The request for a new key that was last followed. */
  readonly rotated: string | undefined;
}

export interface StoredKeys extends KeyRecord {
  /** Public part of the key that the user's programs have; undefined when it is spoilt. */
  readonly current: string | undefined;
  /** That of the key which takes over as soon as the servers accept it. */
  readonly next: string | undefined;
}

export interface KeyFacts {
  readonly keys: StoredKeys | undefined;
  /** Keys that the servers were last told of. */
  readonly published: readonly string[];
  /** A value that differs from the one followed last asks for a new key. */
  readonly request: string | undefined;
  readonly isNextAccepted: boolean;
}

export interface KeyTimes {
  readonly everyMs: number | undefined;
  readonly overlapMs: number;
}

/** What is done with the Secret. `write` leaves the seeds as they are. */
export type KeyStep =
  | { readonly kind: 'create' | 'replace' | 'add-next' | 'promote'; readonly record: KeyRecord }
  | { readonly kind: 'write'; readonly record: KeyRecord }
  | { readonly kind: 'keep'; readonly record: KeyRecord; readonly nextAt: number | undefined };

/** More than that many replaced keys are not accepted at a time: the oldest is dropped. */
const previousMax = 5;

/**
 * A new key is told to the servers first, handed to the user's programs when all servers accept
 * it, and the old one stays valid for the overlap: no program meets a server that does not know
 * its key. A Secret that is gone, or whose seed does not fit, gets a new key at once; the
 * programs that still have the old one go on for the overlap.
 */
export function decideKeys(facts: KeyFacts, times: KeyTimes, now: number): KeyStep {
  const { keys, request, published } = facts;
  const until = now + times.overlapMs;
  const retired = (publicKeys: readonly string[]) =>
    publicKeys.map((publicKey) => ({ publicKey, until }));
  if (keys === undefined) {
    const previous = retired(published).slice(0, previousMax);
    return { kind: 'create', record: { since: now, previous, rotated: request } };
  }
  const { current, next } = keys;
  const alive = keys.previous.filter((key) => key.until > now);
  const rotated = request ?? keys.rotated;
  if (current === undefined) {
    const known = published.filter((key) => alive.every(({ publicKey }) => publicKey !== key));
    const previous = [...retired(known), ...alive].slice(0, previousMax);
    return { kind: 'replace', record: { since: now, previous, rotated } };
  }
  const record: KeyRecord = { since: keys.since ?? now, previous: alive, rotated: keys.rotated };
  if (next !== undefined && facts.isNextAccepted) {
    const previous = [...retired([current]), ...alive].slice(0, previousMax);
    return { kind: 'promote', record: { ...record, since: now, previous } };
  }
  const endsAt = times.everyMs === undefined ? undefined : (keys.since ?? now) + times.everyMs;
  const isDue = rotated !== keys.rotated || (endsAt !== undefined && endsAt <= now);
  if (next === undefined && isDue) return { kind: 'add-next', record: { ...record, rotated } };
  const isStale = alive.length < keys.previous.length || keys.since === undefined;
  if (isStale) return { kind: 'write', record };
  const due = [...alive.map((key) => key.until), ...(endsAt === undefined ? [] : [endsAt])];
  return { kind: 'keep', record, nextAt: due.length === 0 ? undefined : Math.min(...due) };
}

/** What the servers have to accept, the newest first. */
export function acceptedKeys(keys: StoredKeys, now: number): string[] {
  const alive = keys.previous.filter((key) => key.until > now);
  const all = [keys.next, keys.current, ...alive.map(({ publicKey }) => publicKey)];
  return [...new Set(all)].filter((key) => key !== undefined);
}
