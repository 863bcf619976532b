import type { Facts, OrderStatus } from '@windlass/contracts/orders.ts';
import * as orders from '@windlass/contracts/orders.ts';
import type { Lane } from '@windlass/contracts/service.ts';
import type { EventData } from '@windlass/runtime/decision.ts';
import { event, type NewEvent } from '@windlass/runtime/event.ts';
import { initialFacts } from './facts.ts';

export const deadlineKinds = ['reserve', 'pay', 'reconcile'] as const;
export type DeadlineKind = (typeof deadlineKinds)[number];

/** How long an order waits for each answer. */
export interface Timing {
  readonly reserveDeadlineMs: number;
  readonly payDeadlineMs: number;
  readonly reconcileMs: number;
}
export const defaultTiming: Timing = {
  reserveDeadlineMs: 2 * 60_000,
  payDeadlineMs: 5 * 60_000,
  reconcileMs: 24 * 3_600_000,
};

export interface Order {
  readonly id: string;
  readonly customerId: string;
  readonly currency: string;
  readonly total: number;
  readonly lane: Lane;
  /** Number of events that led here. */
  readonly version: number;
  readonly facts: Facts;
  readonly status: OrderStatus;
  /** The one answer that is missed most; absent while no answer has a deadline. */
  readonly deadline: { readonly at: number; readonly kind: DeadlineKind } | undefined;
  readonly acceptedAt: number;
}

export type Line = EventData<typeof orders.created>['lines'][number];

export interface PlaceOrder {
  readonly customerId: string;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly lane: Lane;
}

type Later = Exclude<(typeof orders.stream.events)[number], typeof orders.created>;
export type LaterEvent = NewEvent<Later>;

/** The total of 100 lines of 10⁴ pieces at 10⁹ is 10¹⁵, far below 2⁵³: no overflow. */
export function place(
  command: PlaceOrder,
  id: string,
  now: number,
  timing: Timing = defaultTiming,
): { readonly order: Order; readonly events: readonly [NewEvent<typeof orders.created>] } {
  const { customerId, currency, lines, lane } = command;
  const total = lines.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0);
  const created = event(orders.created, {
    orderId: id,
    customerId,
    currency,
    lines: [...lines],
    total,
  });
  return { order: begin(created.data, lane, now, timing), events: [created] };
}

/** The state that `orders.created` leads to. */
export function begin(
  data: EventData<typeof orders.created>,
  lane: Lane,
  at: number,
  timing: Timing = defaultTiming,
): Order {
  return {
    id: data.orderId,
    customerId: data.customerId,
    currency: data.currency,
    total: data.total,
    lane,
    version: 1,
    facts: initialFacts,
    status: 'CREATED',
    deadline: { kind: 'reserve', at: at + timing.reserveDeadlineMs },
    acceptedAt: at,
  };
}

/** Folds one of the order's own events; `at` is when it was recorded. */
export function evolve(
  order: Order,
  later: LaterEvent,
  at: number,
  timing: Timing = defaultTiming,
): Order {
  const { facts: next, status } = later.data;
  const deadline = deadlineAfter(order, next, status, at, timing);
  return { ...order, version: order.version + 1, facts: next, status, deadline };
}

function deadlineAfter(
  order: Order,
  next: Facts,
  status: OrderStatus,
  at: number,
  timing: Timing,
): Order['deadline'] {
  if (next.payment === 'unknown' && !next.unresolved) {
    // A cancellation starts the wait anew: it makes the payment look the outcome up once more.
    const isSameWait = order.facts.decision === next.decision;
    if (order.deadline?.kind === 'reconcile' && isSameWait) return order.deadline;
    return { kind: 'reconcile', at: at + timing.reconcileMs };
  }
  if (status === 'CREATED') return order.deadline;
  if (status !== 'RESERVED') return undefined;
  if (order.deadline?.kind === 'pay') return order.deadline;
  return { kind: 'pay', at: at + timing.payDeadlineMs };
}
