import { describe, expect, test } from '@jest/globals';
import type { Decision, NewEffect } from '@windlass/runtime/decision.ts';
import type { EffectFate } from '@windlass/runtime/effect.ts';
import { cancel, requestRefund, submit } from './decisions.ts';
import type { LedgerEntry } from './ledger.ts';
import { type ChargeResult, type RefundResult, settleCharge, settleRefund } from './outcomes.ts';
import { type Change, defaultTiming, evolve, type PaymentStatus, type World } from './payment.ts';
import { compare, reportMismatch } from './reconciler.ts';

const now = 1_700_000_000_000;

interface State {
  readonly world: World;
  readonly entries: LedgerEntry[];
  effects: readonly NewEffect[];
  fate?: EffectFate;
}
type Input = (state: State) => Decision<Change>;

const reserved =
  (total = 100): Input =>
  ({ world }) =>
    submit({ orderId: 'o1', total, currency: 'EUR', lines: [] }, 'standard', world);
const cancelled: Input = ({ world }) => cancel('o1', 'hot', world);
const refund =
  (amount: number, refundId = 'r1'): Input =>
  ({ world }) =>
    requestRefund(
      {
        orderId: 'o1',
        refundId,
        amount,
        currency: 'EUR',
        status: 'REFUNDING',
        facts: {
          decision: 'proceed',
          reservation: 'held',
          payment: 'captured',
          captured: 100,
          refunded: 0,
          refundPending: amount,
          refundFailed: 0,
          unresolved: false,
        },
      },
      world,
    );

const claimed = (id: string, kind: string, attempts: number) => ({
  id,
  kind,
  aggregateId: 'o1',
  attempts,
  createdAt: now,
});
const charge =
  (result: ChargeResult, attempts = 0): Input =>
  (state) => {
    const payload = { orderId: 'o1', amount: 100, currency: 'EUR' };
    const effect = { ...claimed('charge-o1', 'charge', attempts), payload };
    const { decision, fate } = settleCharge(effect, result, state.world, now, defaultTiming);
    state.fate = fate;
    return decision;
  };
const repay =
  (result: RefundResult, amount: number, refundId?: string): Input =>
  (state) => {
    const payload = { orderId: 'o1', amount, ...(refundId === undefined ? {} : { refundId }) };
    const id = refundId === undefined ? 'refund-o1-cancel' : `refund-${refundId}`;
    const effect = { ...claimed(id, 'refund', 0), payload };
    const { decision, fate } = settleRefund(effect, result, state.world, now, defaultTiming);
    state.fate = fate;
    return decision;
  };

const captured = charge({ outcome: 'captured' });
const declined = charge({ outcome: 'declined', reason: 'card-declined' });
const unknown = charge({ outcome: 'unknown' });
const repaid = repay({ outcome: 'refunded' }, 100);
const refunded = (amount: number, refundId = 'r1') =>
  repay({ outcome: 'refunded' }, amount, refundId);
const refused = (amount: number, refundId = 'r1') =>
  repay({ outcome: 'refused', reason: 'refund-refused' }, amount, refundId);

function when(inputs: readonly Input[]) {
  const state: State = { world: new Map(), entries: [], effects: [] };
  let last: Decision<Change> | undefined;
  for (const input of inputs) {
    last = input(state);
    state.effects = [];
    if (last.outcome !== 'decided') continue;
    state.effects = last.effects ?? [];
    if (last.change === undefined) continue;
    evolve(state.world, last.change);
    state.entries.push(...last.change.entries);
  }
  const events = last?.outcome === 'decided' ? last.events : [];
  return {
    ...state,
    outcome: last?.outcome,
    types: events.map(({ definition }) => definition.type).join(' '),
    data: events.at(-1)?.data,
    payment: state.world.get('o1'),
  };
}

type Row = readonly [
  rule: string,
  inputs: readonly Input[],
  events: string,
  status: PaymentStatus | undefined,
  effects: readonly string[],
];

test.each<Row>([
  ['intends to charge what is held', [reserved()], '', 'SUBMITTED', ['charge-o1']],
  ['intends it once', [reserved(), reserved()], 'stale', 'SUBMITTED', []],
  ['does not charge nothing', [reserved(0)], 'payments.captured', 'CAPTURED', []],
  ['captures', [reserved(), captured], 'payments.captured', 'CAPTURED', []],
  ['captures once', [reserved(), captured, captured], 'stale', 'CAPTURED', []],
  ['is declined', [reserved(), declined], 'payments.declined', 'DECLINED', []],
  ['says once that it does not know', [reserved(), unknown], 'payments.unknown', 'UNKNOWN', []],
  ['looks up again in silence', [reserved(), unknown, unknown], 'stale', 'UNKNOWN', []],
  ['finds out', [reserved(), unknown, captured], 'payments.captured', 'CAPTURED', []],
])('%s', check);

describe('a cancellation', () => {
  test.each<Row>([
    ['of nothing is answered at once', [cancelled], 'payments.voided', 'VOIDED', []],
    ['before the intent prevents it', [cancelled, reserved()], 'stale', 'VOIDED', []],
    ['is answered once', [cancelled, cancelled], 'stale', 'VOIDED', []],
    ['waits for the outcome', [reserved(), cancelled], '', 'SUBMITTED', []],
    ['waits while it is unknown', [reserved(), unknown, cancelled], '', 'UNKNOWN', []],
    [
      'repays what is captured then',
      [reserved(), cancelled, captured],
      'payments.captured',
      'CAPTURED',
      ['refund-o1-cancel'],
    ],
    [
      'is void when it is declined then',
      [reserved(), cancelled, declined],
      'payments.declined payments.voided',
      'VOIDED',
      [],
    ],
    [
      'of a declined payment is void',
      [reserved(), declined, cancelled],
      'payments.voided',
      'VOIDED',
      [],
    ],
    [
      'of a captured payment repays',
      [reserved(), captured, cancelled],
      '',
      'CAPTURED',
      ['refund-o1-cancel'],
    ],
    [
      'ends when it is repaid',
      [reserved(), captured, cancelled, repaid],
      'payments.refunded',
      'REFUNDED',
      [],
    ],
    [
      'of an order that cost nothing is void',
      [reserved(0), cancelled],
      'payments.voided',
      'VOIDED',
      [],
    ],
    [
      'of a refunded payment is answered',
      [reserved(), captured, refund(100), refunded(100), cancelled],
      'payments.refunded',
      'REFUNDED',
      [],
    ],
    ['waits for an open refund', [reserved(), captured, refund(30), cancelled], '', 'CAPTURED', []],
    [
      'repays the rest after it',
      [reserved(), captured, refund(30), cancelled, refunded(30)],
      'payments.refunded',
      'PARTIALLY_REFUNDED',
      ['refund-o1-cancel'],
    ],
    [
      'repays all after it failed',
      [reserved(), captured, refund(30), cancelled, refused(30)],
      'payments.refund-failed',
      'CAPTURED',
      ['refund-o1-cancel'],
    ],
    [
      'refuses later refunds',
      [reserved(), captured, cancelled, refund(30)],
      'payments.refund-failed',
      'CAPTURED',
      [],
    ],
  ])('%s', check);

  test('never gives up repaying, with another key after each refusal', () => {
    const refusal = repay({ outcome: 'refused', reason: 'x' }, 100);
    const { effects, fate, types } = when([reserved(), captured, cancelled, refusal]);
    expect(types).toBe('');
    expect(fate).toEqual({ next: 'done' });
    expect(effects).toEqual([
      {
        id: 'refund-o1-cancel-1',
        kind: 'refund',
        payload: { orderId: 'o1', amount: 100, refusals: 1 },
        notBefore: now + 10_000,
      },
    ]);
  });
});

describe('a refund', () => {
  test.each<Row>([
    ['waits for its payment', [refund(30)], 'orphan', undefined, []],
    ['is intended', [reserved(), captured, refund(30)], '', 'CAPTURED', ['refund-r1']],
    ['is intended once', [reserved(), captured, refund(30), refund(30)], 'stale', 'CAPTURED', []],
    [
      'is made',
      [reserved(), captured, refund(30), refunded(30)],
      'payments.refunded',
      'PARTIALLY_REFUNDED',
      [],
    ],
    [
      'is made once',
      [reserved(), captured, refund(30), refunded(30), refunded(30)],
      'stale',
      'PARTIALLY_REFUNDED',
      [],
    ],
    [
      'of the rest ends it',
      [reserved(), captured, refund(30), refunded(30), refund(70, 'r2'), refunded(70, 'r2')],
      'payments.refunded',
      'REFUNDED',
      [],
    ],
    [
      'of more than is left fails',
      [reserved(), captured, refund(60), refund(41, 'r2')],
      'payments.refund-failed',
      'CAPTURED',
      [],
    ],
    [
      'of what is not captured fails',
      [reserved(), refund(1)],
      'payments.refund-failed',
      'SUBMITTED',
      [],
    ],
    [
      'can be refused',
      [reserved(), captured, refund(30), refused(30)],
      'payments.refund-failed',
      'CAPTURED',
      [],
    ],
  ])('%s', check);

  test('says what was refunded so far', () => {
    const after = when([
      reserved(),
      captured,
      refund(30),
      refunded(30),
      refund(20, 'r2'),
      refunded(20, 'r2'),
    ]);
    expect(after.data).toEqual({
      orderId: 'o1',
      refundId: 'r2',
      amount: 20,
      refundedTotal: 50,
      currency: 'EUR',
    });
  });

  test('above the hundredth is refused, and still answered', () => {
    const many = Array.from({ length: 100 }, (_, index) => [
      refund(1, `r${index}`),
      refused(1, `r${index}`),
    ]);
    const after = when([reserved(), captured, ...many.flat(), refund(1, 'r100')]);
    expect(after.data).toMatchObject({ reason: 'too-many-refunds', failedTotal: 101 });
    expect(after.payment?.refunds).toHaveLength(100);
  });
});

function check(...[, inputs, events, status, effects]: Row): void {
  const after = when(inputs);
  const answer = after.outcome === 'decided' ? after.types : after.outcome;
  expect([answer, after.payment?.status]).toEqual([events, status]);
  expect(after.effects.map(({ id }) => id)).toEqual(effects);
}

test('an unknown outcome is looked up after 5 s, doubling to an hour', () => {
  const waits = [0, 1, 2, 9, 10, 4_000].map((attempts) => {
    const { fate } = when([reserved(), charge({ outcome: 'unknown' }, attempts)]);
    return fate?.next === 'retry' ? (fate.at - now) / 1_000 : undefined;
  });
  expect(waits).toEqual([5, 10, 20, 2_560, 3_600, 3_600]);
});

test('every booking has equal debits and credits, and the provider owes what it kept', () => {
  const { entries } = when([reserved(), captured, refund(30), refunded(30)]);
  const sum = (account?: string) =>
    entries
      .filter((entry) => account === undefined || entry.account === account)
      .reduce((total, { debit, credit }) => total + debit - credit, 0);
  expect(entries).toHaveLength(8);
  expect([sum(), sum('receivable'), sum('revenue'), sum('refund'), sum('customer')]).toEqual([
    0, 70, -100, 30, 0,
  ]);
});

describe('the reconciler', () => {
  const ours = { orderId: 'o1', version: 1, captured: 100, refunded: 0 };

  test('finds what differs on either side', () => {
    const equal = { orderId: 'o2', version: 1, captured: 5, refunded: 5 };
    const voided = { orderId: 'o3', version: 1, captured: 0, refunded: 0 };
    const theirs = [
      { orderId: 'o0', captured: 7, refunded: 0 },
      { orderId: 'o2', captured: 5, refunded: 5 },
    ];
    expect(compare([ours, equal, voided], theirs)).toEqual([
      { orderId: 'o0', recorded: undefined, reported: { captured: 7, refunded: 0 } },
      { orderId: 'o1', recorded: ours, reported: { captured: 0, refunded: 0 } },
    ]);
  });

  const differs =
    (version: number): Input =>
    ({ world }) =>
      reportMismatch(
        { orderId: 'o1', recorded: { ...ours, version }, reported: { captured: 0, refunded: 0 } },
        world,
      );
  test.each<Row>([
    [
      'publishes a difference',
      [reserved(), captured, differs(1)],
      'payments.mismatch',
      'CAPTURED',
      [],
    ],
    ['publishes it once', [reserved(), captured, differs(1), differs(2)], 'stale', 'CAPTURED', []],
    ['not when the payment moved on', [reserved(), captured, differs(0)], 'stale', 'CAPTURED', []],
    [
      'not while a call is under way',
      [reserved(), captured, refund(1), differs(1)],
      'stale',
      'CAPTURED',
      [],
    ],
  ])('%s', check);
});
