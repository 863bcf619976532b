import type { Lane } from '@windlass/contracts/service.ts';
import type { Model } from '@windlass/runtime/decision.ts';
import { bigintColumn, intColumn, textColumn } from '@windlass/runtime/store/columns.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import { accounts, type LedgerEntry } from './ledger.ts';
import {
  type Change,
  evolve,
  type Payment,
  type PaymentStatus,
  paymentStatuses,
  pendingOf,
  type World,
} from './payment.ts';

const oneOf = (values: readonly string[]) => values.map((value) => `'${value}'`).join(', ');

/** Ids compare as bytes, so PostgreSQL and JavaScript sort, and thereby lock, alike. */
export const migrations: readonly { readonly id: string; readonly sql: string }[] = [
  {
    id: 'payment-0001-payments-and-ledger',
    sql: `
      CREATE TABLE payments (
        order_id text COLLATE "C" PRIMARY KEY,
        lane text NOT NULL CHECK (lane IN ('hot', 'standard', 'bulk')),
        version int NOT NULL CHECK (version >= 0),
        status text NOT NULL CHECK (status IN (${oneOf(paymentStatuses)})),
        amount bigint NOT NULL CHECK (amount >= 0),
        currency text,
        captured bigint NOT NULL CHECK (captured IN (0, amount)),
        refunded bigint NOT NULL CHECK (refunded >= 0),
        refund_pending bigint NOT NULL CHECK (refund_pending >= 0),
        refund_failed bigint NOT NULL CHECK (refund_failed >= 0),
        refunds text NOT NULL,
        cancellation text NOT NULL
          CHECK (cancellation IN ('none', 'waiting', 'repaying', 'answered')),
        mismatch_captured bigint,
        mismatch_refunded bigint,
        CHECK (refunded + refund_pending <= captured)
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
      CREATE TABLE ledger_entries (
        booking text COLLATE "C" NOT NULL,
        position int NOT NULL,
        order_id text NOT NULL,
        account text NOT NULL CHECK (account IN (${oneOf(accounts)})),
        currency text NOT NULL,
        debit bigint NOT NULL CHECK (debit >= 0),
        credit bigint NOT NULL CHECK (credit >= 0),
        PRIMARY KEY (booking, position),
        CHECK ((debit = 0) <> (credit = 0))
      );
    `,
  },
];

interface PaymentRow {
  readonly order_id: string;
  readonly lane: Lane;
  readonly version: number;
  readonly status: PaymentStatus;
  readonly amount: number;
  readonly currency: string | null;
  readonly captured: number;
  readonly refunded: number;
  readonly refund_failed: number;
  /** JSON, empty while there is none: most payments are never refunded. */
  readonly refunds: string;
  readonly cancellation: Payment['cancellation'];
  readonly mismatch_captured: number | null;
  readonly mismatch_refunded: number | null;
}

const columns = `order_id, lane, version, status, amount, currency, captured, refunded,
  refund_failed, refunds, cancellation, mismatch_captured, mismatch_refunded`;

export const model: Model<World, Change> = {
  async load(tx, need) {
    const rows = await tx.query<PaymentRow & { [column: string]: unknown }>({
      name: 'payments-load',
      text: `SELECT ${columns} FROM payments
             WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE`,
      values: [textColumn(need.aggregateIds)],
    });
    return new Map(rows.map((row) => [row.order_id, fromRow(row)]));
  },
  evolve,
  save(changes) {
    const last = new Map<string, Payment>();
    const isNew = new Set<string>();
    for (const change of changes) {
      last.set(change.payment.orderId, change.payment);
      if (change.isNew) isNew.add(change.payment.orderId);
    }
    const all = [...last.values()];
    return [
      ...insertPayments(all.filter(({ orderId }) => isNew.has(orderId))),
      ...updatePayments(all.filter(({ orderId }) => !isNew.has(orderId))),
      ...insertEntries(changes.flatMap(({ entries }) => entries)),
    ];
  },
};

function fromRow(row: PaymentRow): Payment {
  const { mismatch_captured: captured, mismatch_refunded: refunded } = row;
  return {
    orderId: row.order_id,
    lane: row.lane,
    version: row.version,
    status: row.status,
    amount: row.amount,
    currency: row.currency ?? undefined,
    captured: row.captured,
    refunded: row.refunded,
    refundFailed: row.refund_failed,
    refunds: row.refunds === '' ? [] : JSON.parse(row.refunds),
    cancellation: row.cancellation,
    mismatch: captured === null || refunded === null ? undefined : { captured, refunded },
  };
}

const refundsOf = ({ refunds }: Payment) => (refunds.length === 0 ? '' : JSON.stringify(refunds));

/** The columns that change, from the second parameter on. */
const changing = `version, status, captured, refunded, refund_pending, refund_failed, refunds,
  cancellation, mismatch_captured, mismatch_refunded`;
const changingRows = `$1::text[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
  $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[]`;

const valuesOf = (rows: readonly Payment[]) => [
  textColumn(rows.map((row) => row.orderId)),
  intColumn(rows.map((row) => row.version)),
  textColumn(rows.map((row) => row.status)),
  bigintColumn(rows.map((row) => row.captured)),
  bigintColumn(rows.map((row) => row.refunded)),
  bigintColumn(rows.map(pendingOf)),
  bigintColumn(rows.map((row) => row.refundFailed)),
  textColumn(rows.map(refundsOf)),
  textColumn(rows.map((row) => row.cancellation)),
  bigintColumn(rows.map((row) => row.mismatch?.captured ?? null)),
  bigintColumn(rows.map((row) => row.mismatch?.refunded ?? null)),
];

/** A batch that meets a row which another one inserted meanwhile fails (23505) and is retried. */
function insertPayments(rows: readonly Payment[]): Statement[] {
  if (rows.length === 0) return [];
  const sorted = [...rows].sort((left, right) => (left.orderId < right.orderId ? -1 : 1));
  return [
    {
      name: 'payments-insert',
      text: `INSERT INTO payments (order_id, ${changing}, lane, amount, currency)
             SELECT * FROM unnest(${changingRows}, $12::text[], $13::bigint[], $14::text[])`,
      values: [
        ...valuesOf(sorted),
        textColumn(sorted.map((row) => row.lane)),
        bigintColumn(sorted.map((row) => row.amount)),
        textColumn(sorted.map((row) => row.currency ?? null)),
      ],
    },
  ];
}

function updatePayments(rows: readonly Payment[]): Statement[] {
  if (rows.length === 0) return [];
  return [
    {
      name: 'payments-update',
      text: `UPDATE payments AS p
             SET (${changing}) = ROW(c.version, c.status, c.captured, c.refunded,
               c.refund_pending, c.refund_failed, c.refunds, c.cancellation,
               c.mismatch_captured, c.mismatch_refunded)
             FROM unnest(${changingRows}) AS c(order_id, ${changing})
             WHERE p.order_id = c.order_id`,
      values: valuesOf(rows),
    },
  ];
}

function insertEntries(entries: readonly LedgerEntry[]): Statement[] {
  if (entries.length === 0) return [];
  return [
    {
      name: 'ledger-insert',
      text: `INSERT INTO ledger_entries
               (booking, position, order_id, account, currency, debit, credit)
             SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[],
               $6::bigint[], $7::bigint[])`,
      values: [
        textColumn(entries.map((entry) => entry.booking)),
        intColumn(entries.map((entry) => entry.position)),
        textColumn(entries.map((entry) => entry.orderId)),
        textColumn(entries.map((entry) => entry.account)),
        textColumn(entries.map((entry) => entry.currency)),
        bigintColumn(entries.map((entry) => entry.debit)),
        bigintColumn(entries.map((entry) => entry.credit)),
      ],
    },
  ];
}

export interface PaymentView {
  readonly status: PaymentStatus;
  readonly captured: number;
  readonly refunded: number;
  readonly currency: string | null;
}

export function selectPayment(orderId: string): Statement {
  return {
    name: 'payment-view',
    text: 'SELECT status, captured, refunded, currency FROM payments WHERE order_id = $1',
    values: [orderId],
  };
}
