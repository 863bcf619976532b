import { defineEvent } from '@windlass/contracts/event.ts';
import { z } from 'zod';
import type { Decision, Model, NewEffect } from '../decision.ts';
import type { Cause, NewEvent, RecordedEvent } from '../event.ts';
import { bigintColumn, intColumn, textColumn } from '../store/columns.ts';
import { record } from '../store/events.ts';
import type { Migration } from '../store/migrations.ts';

/** The smallest service there can be: amounts are added to tallies. */
export interface Tally {
  readonly id: string;
  readonly version: number;
  /** PostgreSQL refuses less than 0. */
  readonly total: number;
  readonly note: string;
}

export type Tallies = Map<string, Tally>;

export const tallyMigration: Migration = {
  id: 'tally-0001',
  sql: `CREATE TABLE tallies (
    id text COLLATE "C" PRIMARY KEY,
    version int NOT NULL,
    total bigint NOT NULL CHECK (total >= 0),
    note text NOT NULL
  )`,
};

export const tallyModel: Model<Tallies, Tally> = {
  async load(tx, { aggregateIds }) {
    const rows = await tx.query<Tally>({
      name: 'tallies-load',
      text: `SELECT id, version, total, note FROM tallies WHERE id = ANY($1::text[])
             ORDER BY id FOR UPDATE`,
      values: [textColumn(aggregateIds)],
    });
    return new Map(rows.map((row) => [row.id, row]));
  },
  evolve: (tallies, tally) => void tallies.set(tally.id, tally),
  save(changes) {
    const last = [...new Map(changes.map((tally) => [tally.id, tally])).values()];
    return [
      {
        name: 'tallies-save',
        text: `INSERT INTO tallies (id, version, total, note)
               SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[])
               ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                 total = excluded.total, note = excluded.note`,
        values: [
          textColumn(last.map(({ id }) => id)),
          intColumn(last.map(({ version }) => version)),
          bigintColumn(last.map(({ total }) => total)),
          textColumn(last.map(({ note }) => note)),
        ],
      },
    ];
  },
};

/** The events of a context of its own: streams are shared by the files of a test worker. */
export function tallyEvents(context: string) {
  const data = z.object({ tallyId: z.string(), amount: z.int(), note: z.string().optional() });
  return {
    added: defineEvent({ type: `${context}.added`, version: 1, key: 'tallyId', data }),
    counted: defineEvent({ type: `${context}.counted`, version: 1, key: 'tallyId', data }),
  };
}

/** Adds to a tally, which begins with its first amount, and says so with an event for each. */
export function add(
  tallies: Tallies,
  id: string,
  amount: number,
  more: {
    readonly note?: string;
    readonly events?: readonly NewEvent[];
    readonly effects?: readonly NewEffect[];
  } = {},
): Decision<Tally> {
  const before = tallies.get(id) ?? { version: 0, total: 0 };
  const { note = '', events = [], effects = [] } = more;
  const version = before.version + events.length;
  const change = { id, version, total: before.total + amount, note };
  return {
    outcome: 'decided',
    aggregateId: id,
    lane: 'standard',
    version,
    change,
    events,
    effects,
  };
}

export const cause: Cause = {
  correlationId: 'correlation',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
};

/** Events of one aggregate as they would be read from the table, from `first` on. */
export function recorded(
  events: ReturnType<typeof tallyEvents>,
  tallyId: string,
  first: number,
  count = 1,
): RecordedEvent[] {
  const made = Array.from({ length: count }, (_, index) => ({
    definition: events.added,
    data: { tallyId, amount: first + index },
  }));
  const version = first + count - 1;
  return record({ aggregateId: tallyId, lane: 'standard', version, events: made }, cause, 1e12);
}
