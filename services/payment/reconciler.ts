import * as payments from '@windlass/contracts/payments.ts';
import { type Command, type Decision, stale } from '@windlass/runtime/decision.ts';
import { type Cause, event } from '@windlass/runtime/event.ts';
import type { Reply } from '@windlass/runtime/http/route.ts';
import type { Kit, Row } from '@windlass/runtime/parts.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import { decided } from './decisions.ts';
import { type Change, isInFlight, type Totals, type World } from './payment.ts';
import type { ProviderClient } from './provider-client.ts';

/** Orders that are compared at a time; each side reads at most this many. */
const pageSize = 500;

export interface Reported extends Totals {
  readonly orderId: string;
}
/** What we have recorded, at the version it was read. */
export interface Recorded extends Reported {
  readonly version: number;
}
export interface Difference {
  readonly orderId: string;
  /** Absent when the provider reports an order that has no payment here. */
  readonly recorded: Recorded | undefined;
  readonly reported: Totals;
}

const nothing: Totals = { captured: 0, refunded: 0 };
const sameTotals = (left: Totals, right: Totals) =>
  left.captured === right.captured && left.refunded === right.refunded;

/** What differs in a range of order ids of which both sides are complete. */
export function compare(
  recorded: readonly Recorded[],
  reported: readonly Reported[],
): Difference[] {
  const ours = new Map(recorded.map((each) => [each.orderId, each]));
  const theirs = new Map(reported.map((each) => [each.orderId, each]));
  return [...new Set([...ours.keys(), ...theirs.keys()])].sort().flatMap((orderId) => {
    const own = ours.get(orderId);
    const { captured, refunded } = theirs.get(orderId) ?? nothing;
    if (sameTotals(own ?? nothing, { captured, refunded })) return [];
    return [{ orderId, recorded: own, reported: { captured, refunded } }];
  });
}

/**
 * Publishes a difference once. It is void when the payment changed since it was read or when a
 * call is under way, because then the two sides were not read at one time.
 */
export function reportMismatch(
  { orderId, recorded, reported }: Difference,
  world: World,
): Decision<Change> {
  const before = world.get(orderId);
  if (before === undefined || recorded === undefined) return stale;
  if (before.version !== recorded.version || isInFlight(before)) return stale;
  const { captured, refunded } = before;
  if (sameTotals(before, reported)) return stale;
  if (before.mismatch !== undefined && sameTotals(before.mismatch, reported)) return stale;
  const data = { orderId, recorded: { captured, refunded }, reported };
  return decided(before, {
    payment: { ...before, mismatch: reported },
    events: [event(payments.mismatch, data)],
  });
}

type ReconcilerKit = Pick<Kit<World, Change>, 'execute' | 'query'>;

export interface Reconciled {
  /** Where the next page begins; absent after the last one. */
  readonly next: string | undefined;
  readonly compared: number;
  readonly differences: readonly Difference[];
}

/** Nobody waits for the answer. */
const noReply: Reply = { status: 204, body: '' };

/**
 * Compares one page of payments, from the order id `after` on (the empty string: the first), and
 * publishes what differs. Undefined when the provider gave no report. Ours are read first, so
 * that whatever the provider knew by then and we did not shows as a call under way.
 */
export async function reconcile(
  kit: ReconcilerKit,
  client: Pick<ProviderClient, 'report'>,
  { after, cause }: { readonly after: string; readonly cause: Cause },
  signal: AbortSignal,
): Promise<Reconciled | undefined> {
  const recorded = await kit.query<Recorded & Row>(selectRecorded(after));
  const report = await client.report(after, pageSize, signal);
  if (typeof report === 'string') return undefined;
  // Both sides are complete up to the nearer end of the two pages.
  const ends = [report.next ?? undefined];
  if (recorded.length === pageSize) ends.push(recorded.at(-1)?.orderId);
  const next = ends.filter((end) => end !== undefined).sort()[0];
  const isWithin = ({ orderId }: Reported) => next === undefined || orderId <= next;
  const [ours, theirs] = [recorded.filter(isWithin), report.items.filter(isWithin)];
  const differences = compare(ours, theirs);
  for (const difference of differences) {
    const command: Command<World, Change, Reply> = {
      aggregateId: difference.orderId,
      decide: (world) => ({ decision: reportMismatch(difference, world), result: noReply }),
    };
    await kit.execute(command, { cause });
  }
  return { next, compared: Math.max(ours.length, theirs.length), differences };
}

function selectRecorded(after: string): Statement {
  return {
    name: 'payments-recorded',
    text: `SELECT order_id AS "orderId", version, captured, refunded FROM payments
           WHERE order_id > $1 ORDER BY order_id LIMIT ${pageSize}`,
    values: [after],
  };
}
