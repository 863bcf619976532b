import { describe, expect, test } from '@jest/globals';
import type { OrderStatus } from '@windlass/contracts/orders.ts';
import type { Decision } from '@windlass/runtime/decision.ts';
import fc from 'fast-check';
import * as answers from './answers.ts';
import { type Commanded, cancel, requestRefund } from './commands.ts';
import { deadlinePassed } from './deadlines.ts';
import { type DeadlineKind, defaultTiming, type Order, place } from './order.ts';

const start = 1_700_000_000_000;
const minute = 60_000;
const day = 24 * 60 * minute;

function placed(unitPrice = 50): Order {
  const lines = [{ sku: 'a', quantity: 2, unitPrice }];
  return place({ customerId: 'c', currency: 'EUR', lines, lane: 'standard' }, 'o1', start).order;
}

type Input = (order: Order, now: number) => Decision<Order> | Commanded;
const on =
  <Data>(answered: answers.Answered<Data>, data: Data): Input =>
  (order, now) =>
    answered(order, data, now, defaultTiming);

const reserved = on(answers.reserved, {});
const rejected = on(answers.rejected, {});
const released = on(answers.released, {});
const commitFailed = on(answers.commitFailed, {});
const expired = on(answers.expired, {});
const captured = on(answers.captured, { amount: 100 });
const declined = on(answers.declined, {});
const unknown = on(answers.unknown, {});
const voided = on(answers.voided, {});
const repaid = on(answers.refunded, { refundedTotal: 100 });
const refunded = (refundedTotal: number) => on(answers.refunded, { refundId: 'r1', refundedTotal });
const refundFailed = (failedTotal: number) => on(answers.refundFailed, { failedTotal });
const cancelled: Input = (order, now) => cancel(order, undefined, now);
const refund =
  (amount?: number): Input =>
  (order, now) =>
    requestRefund(order, { refundId: 'r1', amount }, now);
const deadline =
  (kind: DeadlineKind): Input =>
  (order, now) =>
    deadlinePassed(order, kind, now);

interface Outcome {
  readonly order: Order;
  /** Types of the events of the last input; `stale` or the code of a refusal instead. */
  readonly last: string;
}

function given(inputs: readonly Input[], now = start, from = placed()): Outcome {
  return inputs.reduce<Outcome>(
    ({ order }, input) => {
      const result = input(order, now);
      if ('refused' in result) return { order, last: result.refused };
      const decision = 'decision' in result ? result.decision : result;
      if (decision.outcome !== 'decided') return { order, last: decision.outcome };
      expect(decision.version).toBe(order.version + decision.events.length);
      const last = decision.events.map(({ definition }) => definition.type).join(' ');
      return { order: decision.change ?? order, last };
    },
    { order: from, last: '' },
  );
}

test('an order begins CREATED with its total and a deadline for the stock', () => {
  const order = placed();
  expect(order).toMatchObject({ status: 'CREATED', total: 100, version: 1 });
  expect(order.deadline).toEqual({ kind: 'reserve', at: start + 2 * minute });
});

type Row = readonly [rule: string, inputs: readonly Input[], last: string, status: OrderStatus];
const afterDay = [unknown, deadline('reconcile')];

test.each<Row>([
  ['is RESERVED when its stock is held', [reserved], 'orders.progressed', 'RESERVED'],
  ['is REJECTED when stock is missing', [rejected], 'orders.progressed', 'REJECTED'],
  ['is confirmed when it is paid', [reserved, captured], 'orders.confirmed', 'CONFIRMED'],
  ['knows that what is paid was held', [captured, reserved], 'stale', 'CONFIRMED'],
  ['is cancelled when declined', [reserved, declined], 'orders.cancelled', 'CANCELLING'],
  ['is cancelled when its hold ends unpaid', [reserved, expired], 'orders.cancelled', 'CANCELLING'],
  ['leaves a paid expired hold to inventory', [captured, expired], 'stale', 'CONFIRMED'],
  ['is cancelled when sold out', [captured, commitFailed], 'orders.cancelled', 'CANCELLING'],
  ['is unknown when nobody answers', [reserved, unknown], 'orders.progressed', 'PAYMENT_UNKNOWN'],
  ['leaves unknown when paid', [unknown, captured], 'orders.confirmed', 'CONFIRMED'],
  ['leaves unknown when declined', [unknown, declined], 'orders.cancelled', 'CANCELLING'],
  ['ignores an unknown that comes late', [captured, unknown], 'stale', 'CONFIRMED'],
  ['waits for both answers', [cancelled, released], 'orders.progressed', 'CANCELLING'],
  [
    'is CANCELLED when both have answered',
    [cancelled, released, voided],
    'orders.cancellation-completed',
    'CANCELLED',
  ],
  [
    'is CANCELLED when paid meanwhile and repaid',
    [cancelled, captured, repaid, released],
    'orders.cancellation-completed',
    'CANCELLED',
  ],
  ['waits for the answer to a decline', [declined, released], 'orders.progressed', 'CANCELLING'],
  ['ignores answers to nothing', [reserved, voided], 'stale', 'RESERVED'],
  ['ignores a release of nothing', [reserved, released], 'stale', 'RESERVED'],
  [
    'ignores what comes after the end',
    [cancelled, released, voided, reserved],
    'stale',
    'CANCELLED',
  ],
  [
    'is REFUNDING while a refund is open',
    [captured, refund(30)],
    'orders.refund-requested',
    'REFUNDING',
  ],
  [
    'is CONFIRMED when partly refunded',
    [captured, refund(30), refunded(30)],
    'orders.progressed',
    'CONFIRMED',
  ],
  [
    'is REFUNDED when fully refunded',
    [captured, refund(), refunded(100)],
    'orders.progressed',
    'REFUNDED',
  ],
  [
    'is CONFIRMED when a refund fails',
    [captured, refund(30), refundFailed(30)],
    'orders.progressed',
    'CONFIRMED',
  ],
  [
    'counts a repeated refund once',
    [captured, refund(30), refunded(30), refunded(30)],
    'stale',
    'CONFIRMED',
  ],
  [
    'counts a repeated failure once',
    [captured, refund(9), refundFailed(9), refundFailed(9)],
    'stale',
    'CONFIRMED',
  ],
])('%s', (_, inputs, last, status) => {
  const outcome = given(inputs);
  expect({ last: outcome.last, status: outcome.order.status }).toEqual({ last, status });
});

describe('cancelling', () => {
  test.each<Row>([
    ['a new order', [cancelled], 'orders.cancelled', 'CANCELLING'],
    ['a reserved order', [reserved, cancelled], 'orders.cancelled', 'CANCELLING'],
    ['an order whose payment is unknown', [unknown, cancelled], 'orders.cancelled', 'CANCELLING'],
    ['again changes nothing', [cancelled, cancelled], 'stale', 'CANCELLING'],
    ['a confirmed order is refused', [captured, cancelled], 'order-not-cancellable', 'CONFIRMED'],
    ['a rejected order is refused', [rejected, cancelled], 'order-not-cancellable', 'REJECTED'],
    [
      'a cancelled order is refused',
      [cancelled, released, voided, cancelled],
      'order-not-cancellable',
      'CANCELLED',
    ],
  ])('%s', (_, inputs, last, status) => {
    const outcome = given(inputs);
    expect({ last: outcome.last, status: outcome.order.status }).toEqual({ last, status });
  });

  test('is published in the hot lane, where it overtakes', () => {
    const commanded = cancel(placed(), 'twice', start);
    if (!('decision' in commanded) || commanded.decision.outcome !== 'decided') throw new Error();
    expect(commanded.decision.lane).toBe('standard');
    expect(commanded.decision.events[0]?.lane).toBe('hot');
    expect(commanded.decision.events[0]?.data).toMatchObject({
      reason: 'requested',
      comment: 'twice',
    });
  });
});

describe('refunding', () => {
  test.each<Row>([
    [
      'an order that is not paid is refused',
      [reserved, refund(1)],
      'order-not-refundable',
      'RESERVED',
    ],
    [
      'an order that is cancelled is refused',
      [cancelled, captured, refund(1)],
      'order-not-refundable',
      'CANCELLING',
    ],
    [
      'more than was paid is refused',
      [captured, refund(101)],
      'refund-exceeds-captured',
      'CONFIRMED',
    ],
    [
      'more than is left is refused',
      [captured, refund(60), refund(41)],
      'refund-exceeds-captured',
      'REFUNDING',
    ],
    [
      'all that is left needs something left',
      [captured, refund(), refund()],
      'refund-exceeds-captured',
      'REFUNDING',
    ],
    [
      'again after a failure is possible',
      [captured, refund(), refundFailed(100), refund()],
      'orders.refund-requested',
      'REFUNDING',
    ],
  ])('%s', (_, inputs, last, status) => {
    const outcome = given(inputs);
    expect({ last: outcome.last, status: outcome.order.status }).toEqual({ last, status });
  });
});

describe('deadlines', () => {
  test('without stock in time it is cancelled', () => {
    const { last, order } = given([deadline('reserve')], start + 2 * minute);
    expect([last, order.status, order.deadline]).toEqual([
      'orders.cancelled',
      'CANCELLING',
      undefined,
    ]);
  });

  test('without a payment in time the payment is unknown, for at most a day', () => {
    const held = given([reserved]).order;
    expect(held.deadline).toEqual({ kind: 'pay', at: start + 5 * minute });
    const overdue = given([deadline('pay')], start + 5 * minute, held);
    expect(overdue.last).toBe('orders.payment-overdue');
    expect(overdue.order.status).toBe('PAYMENT_UNKNOWN');
    expect(overdue.order.deadline).toEqual({ kind: 'reconcile', at: start + 5 * minute + day });
  });

  test('an unknown payment needs an operator after a day, until an answer comes', () => {
    const order = given([unknown]).order;
    const lost = given([deadline('reconcile')], start + day, order).order;
    expect([lost.status, lost.deadline]).toEqual(['NEEDS_OPERATOR', undefined]);
    expect(given([captured], start + day, lost).order.status).toBe('CONFIRMED');
    expect(given([declined], start + day, lost).order.status).toBe('CANCELLING');
    expect(given([cancelled], start + day, lost).order.status).toBe('CANCELLING');
  });

  test('a cancellation gives an unknown payment another day', () => {
    const lost = given(afterDay, start + day, given([unknown]).order).order;
    const { order } = given([cancelled], start + 2 * day, lost);
    expect(order.deadline).toEqual({ kind: 'reconcile', at: start + 3 * day });
    const again = given([deadline('reconcile')], start + 3 * day, order).order;
    expect(again.status).toBe('NEEDS_OPERATOR');
    expect(given([voided, released], start + 3 * day, again).order.status).toBe('CANCELLED');
  });

  test('a deadline whose answer came first is stale', () => {
    expect(given([reserved, deadline('reserve')], start + day).last).toBe('stale');
    expect(given([captured, deadline('pay')], start + day).last).toBe('stale');
    expect(given([deadline('reserve')], start + minute).last).toBe('stale');
  });
});

const complete: Readonly<Record<string, readonly Input[]>> = {
  sold: [reserved, captured],
  'sold after an unknown payment': [reserved, unknown, captured],
  rejected: [rejected],
};
const afterCancel: Readonly<Record<string, readonly Input[]>> = {
  'before anything was held': [released, voided],
  'when it was held': [reserved, released, voided],
  'when it was refused': [rejected, released, voided],
  'when it was declined': [reserved, unknown, declined, released, voided],
  'when it was paid': [reserved, unknown, captured, released, repaid],
  'when its hold had expired': [reserved, expired, captured, released, repaid],
};

/** A shuffle of the answers in which some come twice. */
const shuffled = (inputs: readonly Input[]) =>
  fc.subarray([...inputs]).chain((twice) => {
    const all = [...inputs, ...twice];
    return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
  });

/** Timers and versions depend on the way; what the order knows must not. */
const endOf = (inputs: readonly Input[]) => {
  const { facts, status } = given(inputs).order;
  return { facts, status };
};

test.each(Object.entries(complete))('any order of the answers ends the same: %s', (_, inputs) => {
  const end = endOf(inputs);
  fc.assert(fc.property(shuffled(inputs), (order) => expect(endOf(order)).toEqual(end)));
});

test.each(Object.entries(afterCancel))('a cancelled order ends the same %s', (_, inputs) => {
  const end = endOf([cancelled, ...inputs]);
  expect(end.status).toBe('CANCELLED');
  fc.assert(
    fc.property(shuffled(inputs), (order) => expect(endOf([cancelled, ...order])).toEqual(end)),
  );
});
