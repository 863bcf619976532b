import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { JetStream } from '../assets/jet-stream.ts';
import type { Asset } from './assets.ts';

/**
 * What was committed so long ago a replica has, or it is behind. Under load each replica but the
 * fastest lacks the last entries at any moment, which says nothing: the leader of 2.15 calls a
 * replica current that lacks none of what a majority has, at the moment of the question.
 */
export const catchUpMs = 500;
const betweenLooksMs = 150;
const waitMs = 5_000;

/** How far a Raft group is, as its leader knows it. */
export interface GroupProgress {
  readonly leader: string;
  /** Index of the last entry that a majority has. */
  readonly committed: number;
  /** Index of the last entry that each of the others has stored, by the name of its server. */
  readonly stored: ReadonlyMap<string, number>;
}

/** By account and group. */
export type Progresses = ReadonlyMap<string, GroupProgress>;

const raftz = z.record(
  z.string(),
  z.record(
    z.string(),
    z.object({
      state: z.string(),
      committed: z.number().default(0),
      peers: z
        .record(
          z.string(),
          z.object({ name: z.string(), last_replicated_index: z.number().default(0) }),
        )
        .nullish(),
    }),
  ),
);

/** What `RAFTZ` says of the groups that a server leads; the others it knows nothing of. */
export function ledGroups(server: string, answer: unknown): Progresses {
  const led = new Map<string, GroupProgress>();
  for (const [account, groups] of Object.entries(raftz.safeParse(answer).data ?? {})) {
    for (const [group, { state, committed, peers }] of Object.entries(groups)) {
      if (state !== 'LEADER') continue;
      const stored = new Map(
        Object.values(peers ?? {}).map((peer) => [peer.name, peer.last_replicated_index]),
      );
      led.set(`${account} ${group}`, { leader: server, committed, stored });
    }
  }
  return led;
}

/**
 * How many entries `replica` lacks at `now` of those that were committed at `before`. Undefined
 * when it cannot be told, since the group has another leader by now.
 */
export function missingEntries(
  before: GroupProgress | undefined,
  now: GroupProgress | undefined,
  replica: string,
): number | undefined {
  const stored = now?.stored.get(replica);
  if (before === undefined || before.leader !== now?.leader) return undefined;
  return stored === undefined ? undefined : Math.max(0, before.committed - stored);
}

/**
 * The assets, with the lag of each replica over the time in which it has to catch up. Only where
 * one lags at all anybody is asked again. `expected`: servers that answer.
 */
export async function withSettledLag(
  system: JetStream,
  assets: readonly Asset[],
  expected: number,
): Promise<readonly Asset[]> {
  const accounts = [...new Set(assets.filter(isLagging).map(({ account }) => account))];
  if (accounts.length === 0) return assets;
  const before = await askProgress(system, accounts, expected);
  if (before.size === 0) return assets;
  const until = performance.now() + catchUpMs;
  let settled = assets;
  while (settled.some(isLagging) && performance.now() < until) {
    await pause(betweenLooksMs);
    settled = settledBy(settled, before, await askProgress(system, accounts, expected));
  }
  return settled;
}

/** Of servers that are too old for the question nothing is known, as of those that are away. */
async function askProgress(
  system: JetStream,
  accounts: readonly string[],
  expected: number,
): Promise<Progresses> {
  const answers = await Promise.all(
    accounts.map((account) =>
      system.gather('$SYS.REQ.SERVER.PING.RAFTZ', { account }, waitMs, expected).catch(() => []),
    ),
  );
  return new Map(answers.flat().flatMap((answer) => [...ofServer(answer)]));
}

const envelope = z.object({ server: z.object({ name: z.string() }), data: z.unknown() });

function ofServer(answer: unknown): Progresses {
  const { server, data } = envelope.safeParse(answer).data ?? {};
  return server === undefined ? new Map() : ledGroups(server.name, data);
}

/** A replica that has caught up once lags no more, whatever has come since. */
export function settledBy(
  assets: readonly Asset[],
  before: Progresses,
  now: Progresses,
): readonly Asset[] {
  return assets.map((asset) => {
    const key = `${asset.account} ${asset.group}`;
    const peers = asset.peers.map((peer) => {
      const missing = missingEntries(before.get(key), now.get(key), peer.name);
      if (peer.offline || missing === undefined || missing >= peer.lag) return peer;
      return { ...peer, lag: missing, current: missing === 0 };
    });
    return { ...asset, peers };
  });
}

function isLagging({ peers, leader }: Asset): boolean {
  return leader !== undefined && peers.some(({ offline, lag }) => !offline && lag > 0);
}
