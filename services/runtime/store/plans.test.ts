import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { QueryResultRow } from 'pg';
import { freshName, freshStore, quiet, type Store } from '../testing/rig.ts';
import { recorded, tallyEvents } from '../testing/tally.ts';
import { claimDue, deleteEffects, holdClaims, postponeEffects, releaseClaims } from './effects.ts';
import { selectKeys } from './idempotency.ts';
import { deletePending, outboxStart, readPending, readPendingOf } from './outbox.ts';
import { hastenParked, takeParked } from './parked.ts';
import { Database } from './pool.ts';
import type { Statement } from './transaction.ts';

/** Runs statements and remembers their texts. */
class Watched extends Database {
  readonly texts = new Map<string, string>();

  override async query<Row extends QueryResultRow>(statement: Statement): Promise<Row[]> {
    this.texts.set(statement.name ?? statement.text, statement.text);
    return await super.query<Row>(statement);
  }
}

const events = tallyEvents(freshName('plans'));
let store: Store;
let watched: Watched;
beforeAll(async () => {
  store = await freshStore();
  watched = new Watched({ url: store.url, max: 1, name: 'test', logger: quiet });
}, 60_000);
afterAll(async () => {
  await watched.close();
  await store.end();
});

async function runEverything(): Promise<void> {
  const [event] = recorded(events, 'tally', 1);
  if (event === undefined) throw new Error('no event');
  const claim = { id: 'effect', attempts: 1 };
  await readPending(watched, [1, 2], outboxStart, 10);
  await readPendingOf(watched, [event]);
  await deletePending(watched, [{ event, epoch: 1 }]);
  await claimDue(watched, 10, Date.now());
  await holdClaims(watched, [claim]);
  await watched.query(deleteEffects(['effect']));
  await watched.query(postponeEffects([{ id: 'effect', at: 1 }]));
  await releaseClaims(watched, [{ ...claim, dueAt: 1 }]);
  await takeParked(watched, 10, 1, 1);
  await hastenParked(watched, ['tally']);
  await watched.query(selectKeys([{ scope: 'scope', key: 'key' }]));
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Plan[];
}

/** Scans that read a whole table: without a condition on an index. */
function wholeScans(plan: Plan): string[] {
  const type = plan['Node Type'];
  const whole = /Scan/.test(type) && !/Tid|Function|Subquery|Bitmap Heap/.test(type);
  const here =
    whole && plan['Index Cond'] === undefined ? [`${type} on ${plan['Relation Name']}`] : [];
  return [...here, ...(plan.Plans ?? []).flatMap(wholeScans)];
}

test('queues are reached by key even when statistics say that they are empty', async () => {
  await runEverything();
  await store.database.query({ text: 'VACUUM ANALYZE' });
  expect(watched.texts.size).toBeGreaterThan(9);
  const found: Record<string, string[]> = {};
  for (const [name, text] of watched.texts) {
    const [row] = await store.database.query<{ 'QUERY PLAN': { Plan: Plan }[] }>({
      text: `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`,
    });
    const scans = (row?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => wholeScans(Plan));
    if (scans.length > 0) found[name] = scans;
  }
  expect(found).toEqual({});
});
