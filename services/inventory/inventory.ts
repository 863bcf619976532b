import * as inventory from '@windlass/contracts/inventory.ts';
import type * as orders from '@windlass/contracts/orders.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import { type Decision, type EventData, orphan, stale } from '@windlass/runtime/decision.ts';
import { event, type NewEvent } from '@windlass/runtime/event.ts';
import { addDelta, missingOf, type Stock, type StockDelta, sumBySku } from './stock.ts';

/** How long stock is held for an order. */
export interface Timing {
  readonly holdMs: number;
  /** While the outcome of the payment is unknown: longer than its reconcile deadline. */
  readonly holdUnknownMs: number;
}
export const defaultTiming: Timing = { holdMs: 30 * 60_000, holdUnknownMs: 25 * 3_600_000 };

export type ReservedLine = EventData<typeof inventory.reserved>['lines'][number];

/**
 * HELD is the only status with reserved stock, COMMITTED the only one with sold stock. RELEASED
 * without lines is a tombstone: the cancellation came before the order.
 */
export const reservationStatuses = [
  'HELD',
  'REFUSED',
  'COMMITTED',
  'RELEASED',
  'EXPIRED',
  'COMMIT_FAILED',
] as const;

export interface Reservation {
  readonly orderId: string;
  readonly lane: Lane;
  readonly version: number;
  readonly status: (typeof reservationStatuses)[number];
  /** One line per SKU. */
  readonly lines: readonly ReservedLine[];
  /** Present while HELD, in milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

export interface World {
  readonly reservations: Map<string, Reservation>;
  readonly stock: Map<string, Stock>;
}

export type Change =
  | {
      readonly kind: 'reservation';
      readonly reservation: Reservation;
      /** Whether there is no row of it yet. */
      readonly isNew: boolean;
      readonly stock: readonly StockDelta[];
    }
  | { readonly kind: 'stock'; readonly isNew: boolean; readonly stock: readonly [StockDelta] };

type Published = NewEvent<(typeof inventory.stream.events)[number]>;

function decided(
  reservation: Reservation,
  events: readonly Published[],
  stock: readonly StockDelta[] = [],
): Decision<Change> {
  const { orderId: aggregateId, lane } = reservation;
  const version = reservation.version + events.length;
  // A new reservation is always answered, so only then the version is still 0.
  const isNew = reservation.version === 0;
  const after = { ...reservation, version };
  return {
    outcome: 'decided',
    aggregateId,
    lane,
    version,
    change: { kind: 'reservation', reservation: after, isNew, stock },
    events,
  };
}

const deltas = (
  lines: readonly ReservedLine[],
  signs: { available?: 1 | -1; reserved?: 1 | -1; sold?: 1 | -1 },
): StockDelta[] =>
  lines.map(({ sku, quantity }) => ({
    sku,
    available: (signs.available ?? 0) * quantity,
    reserved: (signs.reserved ?? 0) * quantity,
    sold: (signs.sold ?? 0) * quantity,
  }));

/** All lines or none. Stale when the cancellation came first: it was answered then. */
export function reserve(
  order: EventData<typeof orders.created>,
  lane: Lane,
  world: World,
  now: number,
  timing: Timing = defaultTiming,
): Decision<Change> {
  const { orderId, total, currency } = order;
  if (world.reservations.has(orderId)) return stale;
  const lines = sumBySku(order.lines);
  const missing = missingOf(lines, world.stock);
  const empty = { orderId, lane, version: 0, lines, expiresAt: undefined };
  if (missing.length > 0) {
    const rejected = event(inventory.rejected, { orderId, reason: 'out-of-stock', missing });
    return decided({ ...empty, status: 'REFUSED' }, [rejected]);
  }
  return decided(
    { ...empty, status: 'HELD', expiresAt: now + timing.holdMs },
    [event(inventory.reserved, { orderId, lines, total, currency })],
    deltas(lines, { available: -1, reserved: 1 }),
  );
}

/** Sells what is held. An expired hold is taken again at once or the commit fails. */
export function commit(orderId: string, world: World): Decision<Change> {
  const reservation = world.reservations.get(orderId);
  if (reservation === undefined) return orphan;
  const { status, lines } = reservation;
  if (status !== 'HELD' && status !== 'EXPIRED') return stale;
  const missing = status === 'EXPIRED' ? missingOf(lines, world.stock) : [];
  if (missing.length > 0) {
    const failed = event(inventory.commitFailed, { orderId, missing });
    return decided({ ...reservation, status: 'COMMIT_FAILED' }, [failed]);
  }
  return decided(
    { ...reservation, status: 'COMMITTED', expiresAt: undefined },
    [event(inventory.committed, { orderId })],
    deltas(lines, status === 'HELD' ? { reserved: -1, sold: 1 } : { available: -1, sold: 1 }),
  );
}

/** Answers a cancellation, exactly once, whatever was there; `lines` says what went back. */
export function release(orderId: string, lane: Lane, world: World): Decision<Change> {
  const reservation = world.reservations.get(orderId);
  if (reservation === undefined) {
    const tombstone: Reservation = {
      orderId,
      lane,
      version: 0,
      status: 'RELEASED',
      lines: [],
      expiresAt: undefined,
    };
    return decided(tombstone, [event(inventory.released, { orderId, lines: [] })]);
  }
  const { status } = reservation;
  if (status === 'RELEASED') return stale;
  const isTaken = status === 'HELD' || status === 'COMMITTED';
  const lines = isTaken ? [...reservation.lines] : [];
  return decided(
    { ...reservation, status: 'RELEASED', expiresAt: undefined },
    [event(inventory.released, { orderId, lines })],
    deltas(lines, status === 'HELD' ? { available: 1, reserved: -1 } : { available: 1, sold: -1 }),
  );
}

/** Nobody knows yet whether the order is paid, so its stock is kept for longer. */
export function extendHold(
  orderId: string,
  world: World,
  now: number,
  timing: Timing = defaultTiming,
): Decision<Change> {
  const reservation = world.reservations.get(orderId);
  if (reservation === undefined) return orphan;
  if (reservation.expiresAt === undefined) return stale;
  const expiresAt = Math.max(reservation.expiresAt, now + timing.holdUnknownMs);
  return decided({ ...reservation, expiresAt }, []);
}

/** The timer of a hold; stale when the hold ended or was extended meanwhile. */
export function expireHold(orderId: string, world: World, now: number): Decision<Change> {
  const reservation = world.reservations.get(orderId);
  if (reservation === undefined) return orphan;
  if (reservation.expiresAt === undefined || reservation.expiresAt > now) return stale;
  return decided(
    { ...reservation, status: 'EXPIRED', expiresAt: undefined },
    [event(inventory.expired, { orderId })],
    deltas(reservation.lines, { available: 1, reserved: -1 }),
  );
}

/** Applies a change to the world that later inputs of the same batch see. */
export function evolve(world: World, change: Change): void {
  if (change.kind === 'reservation') {
    world.reservations.set(change.reservation.orderId, change.reservation);
  }
  for (const delta of change.stock) {
    world.stock.set(delta.sku, addDelta(world.stock.get(delta.sku), delta));
  }
}
