import type { Lane } from '@windlass/contracts/service.ts';
import type { Model } from '@windlass/runtime/decision.ts';
import {
  bigintColumn,
  intColumn,
  textColumn,
  timeColumn,
} from '@windlass/runtime/store/columns.ts';
import type { Statement } from '@windlass/runtime/store/transaction.ts';
import {
  type Change,
  evolve,
  type Reservation,
  reservationStatuses,
  type World,
} from './inventory.ts';
import { addDelta, type Stock, type StockDelta } from './stock.ts';

const statuses = reservationStatuses.map((status) => `'${status}'`).join(', ');

/** Ids compare as bytes, so PostgreSQL and JavaScript sort, and thereby lock, alike. */
export const migrations: readonly { readonly id: string; readonly sql: string }[] = [
  {
    id: 'inventory-0001-stock-and-reservations',
    sql: `
      CREATE TABLE stock (
        sku text COLLATE "C" PRIMARY KEY,
        on_hand bigint NOT NULL,
        available bigint NOT NULL CHECK (available >= 0),
        reserved bigint NOT NULL CHECK (reserved >= 0),
        sold bigint NOT NULL CHECK (sold >= 0),
        CHECK (on_hand = available + reserved + sold)
      ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,
              autovacuum_vacuum_threshold = 2000);
      CREATE TABLE reservations (
        order_id text COLLATE "C" PRIMARY KEY,
        lane text NOT NULL CHECK (lane IN ('hot', 'standard', 'bulk')),
        version int NOT NULL CHECK (version > 0),
        status text NOT NULL CHECK (status IN (${statuses})),
        skus text[] NOT NULL,
        quantities int[] NOT NULL,
        expires_at timestamptz,
        CHECK (cardinality(skus) = cardinality(quantities)),
        CHECK ((expires_at IS NOT NULL) = (status = 'HELD'))
      ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX reservations_expires_at ON reservations (expires_at)
        WHERE expires_at IS NOT NULL;
    `,
  },
];

interface ReservationRow {
  readonly order_id: string;
  readonly lane: Lane;
  readonly version: number;
  readonly status: Reservation['status'];
  readonly skus: readonly string[];
  readonly quantities: readonly number[];
  readonly expires_at: Date | null;
}

const stockColumns = 'sku, available, reserved, sold';

export const model: Model<World, Change> = {
  /** Both statements share one way to the server: the second reads what the first has locked. */
  async load(tx, need) {
    const orderIds = textColumn(need.aggregateIds);
    const [reservations, stock] = await Promise.all([
      tx.query<ReservationRow>({
        name: 'reservations-load',
        text: `SELECT order_id, lane, version, status, skus, quantities, expires_at
               FROM reservations WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE`,
        values: [orderIds],
      }),
      tx.query<Stock & { [column: string]: unknown }>({
        name: 'stock-load',
        text: `SELECT ${stockColumns} FROM stock
               WHERE sku = ANY($2::text[] || ARRAY(
                 SELECT unnest(r.skus) FROM reservations AS r WHERE r.order_id = ANY($1::text[])))
               ORDER BY sku FOR UPDATE`,
        values: [orderIds, textColumn(need.resources)],
      }),
    ]);
    return {
      reservations: new Map(reservations.map((row) => [row.order_id, fromRow(row)])),
      stock: new Map(stock.map((row) => [row.sku, row])),
    };
  },
  evolve,
  save(changes) {
    const reservations = new Map<string, Reservation>();
    const deltas = new Map<string, StockDelta>();
    const isNew = new Set<string>();
    const isNewSku = new Set<string>();
    for (const change of changes) {
      for (const delta of change.stock) {
        deltas.set(delta.sku, addDelta(deltas.get(delta.sku), delta));
        if (change.kind === 'stock' && change.isNew) isNewSku.add(delta.sku);
      }
      if (change.kind === 'stock') continue;
      reservations.set(change.reservation.orderId, change.reservation);
      if (change.isNew) isNew.add(change.reservation.orderId);
    }
    const all = [...reservations.values()];
    const pieces = [...deltas.values()];
    return [
      ...insertReservations(all.filter(({ orderId }) => isNew.has(orderId))),
      ...updateReservations(all.filter(({ orderId }) => !isNew.has(orderId))),
      ...insertStock(pieces.filter(({ sku }) => isNewSku.has(sku))),
      ...updateStock(pieces.filter(({ sku }) => !isNewSku.has(sku))),
    ];
  },
};

function fromRow(row: ReservationRow): Reservation {
  return {
    orderId: row.order_id,
    lane: row.lane,
    version: row.version,
    status: row.status,
    lines: row.skus.map((sku, index) => ({ sku, quantity: row.quantities[index] ?? 0 })),
    expiresAt: row.expires_at?.getTime(),
  };
}

/** A batch that meets a row which another one inserted meanwhile fails (23505) and is retried. */
function insertReservations(rows: readonly Reservation[]): Statement[] {
  if (rows.length === 0) return [];
  const sorted = [...rows].sort((left, right) => (left.orderId < right.orderId ? -1 : 1));
  return [
    {
      name: 'reservations-insert',
      // An array of arrays must be rectangular, so each row's lists travel as their literals.
      text: `INSERT INTO reservations
               (order_id, lane, version, status, skus, quantities, expires_at)
             SELECT order_id, lane, version, status, skus::text[], quantities::int[], expires_at
             FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[],
               $7::timestamptz[])
               AS r(order_id, lane, version, status, skus, quantities, expires_at)`,
      values: [
        textColumn(sorted.map((row) => row.orderId)),
        textColumn(sorted.map((row) => row.lane)),
        intColumn(sorted.map((row) => row.version)),
        textColumn(sorted.map((row) => row.status)),
        // Quoted, because a SKU may be called NULL; no other character of a SKU is special.
        textColumn(sorted.map((row) => `{${row.lines.map(({ sku }) => `"${sku}"`).join()}}`)),
        textColumn(sorted.map((row) => `{${row.lines.map((line) => line.quantity).join()}}`)),
        timeColumn(sorted.map((row) => row.expiresAt ?? null)),
      ],
    },
  ];
}

/** The lines of a reservation never change. */
function updateReservations(rows: readonly Reservation[]): Statement[] {
  if (rows.length === 0) return [];
  return [
    {
      name: 'reservations-update',
      text: `UPDATE reservations AS r
             SET version = c.version, status = c.status, expires_at = c.expires_at
             FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[])
               AS c(order_id, version, status, expires_at)
             WHERE r.order_id = c.order_id`,
      values: [
        textColumn(rows.map((row) => row.orderId)),
        intColumn(rows.map((row) => row.version)),
        textColumn(rows.map((row) => row.status)),
        timeColumn(rows.map((row) => row.expiresAt ?? null)),
      ],
    },
  ];
}

const stockValues = (rows: readonly StockDelta[]) => [
  textColumn(rows.map((row) => row.sku)),
  bigintColumn(rows.map((row) => row.available)),
  bigintColumn(rows.map((row) => row.reserved)),
  bigintColumn(rows.map((row) => row.sold)),
];
const stockRows = `unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS d(${stockColumns})`;

/** When two requests set the same new SKU at once, the later one sets what the first one did. */
function insertStock(rows: readonly StockDelta[]): Statement[] {
  if (rows.length === 0) return [];
  const sorted = [...rows].sort((left, right) => (left.sku < right.sku ? -1 : 1));
  return [
    {
      name: 'stock-insert',
      text: `INSERT INTO stock AS s (on_hand, ${stockColumns})
             SELECT available + reserved + sold, ${stockColumns} FROM ${stockRows}
             ON CONFLICT (sku) DO UPDATE SET
               on_hand = excluded.on_hand,
               available = excluded.available - s.reserved - s.sold,
               reserved = s.reserved + excluded.reserved,
               sold = s.sold + excluded.sold`,
      values: stockValues(sorted),
    },
  ];
}

function updateStock(rows: readonly StockDelta[]): Statement[] {
  const moved = rows.filter(({ available, reserved, sold }) => available || reserved || sold);
  if (moved.length === 0) return [];
  return [
    {
      name: 'stock-update',
      text: `UPDATE stock AS s
             SET on_hand = s.on_hand + d.available + d.reserved + d.sold,
               available = s.available + d.available,
               reserved = s.reserved + d.reserved,
               sold = s.sold + d.sold
             FROM ${stockRows} WHERE s.sku = d.sku`,
      values: stockValues(moved),
    },
  ];
}

export function selectStock(sku: string): Statement {
  return {
    name: 'stock-view',
    text: `SELECT ${stockColumns} FROM stock WHERE sku = $1`,
    values: [sku],
  };
}
