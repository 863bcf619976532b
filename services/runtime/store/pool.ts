import pg from 'pg';
import { classify } from '../failure/database-errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { CoalescingSocket } from './coalescing-socket.ts';
import type { Statement, Transaction } from './transaction.ts';

const int8Oid = 20;
/** A row lock that is not had in this time fails its statement (55P03) and is retried. */
const lockTimeoutMs = 2_000;
const statementTimeoutMs = 30_000;
/** A server that should have given up by then is gone, or the way to it is. */
const answerTimeoutMs = statementTimeoutMs + 5_000;

/**
 * Every statement of a service reaches its rows by key, in tables whose statistics are always
 * out of date (queues). So plans are made once per statement and never scan a table.
 */
const sessionOptions = [
  `lock_timeout=${lockTimeoutMs}`,
  `statement_timeout=${statementTimeoutMs}`,
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Prepared like every statement, so that they are held back and sent with their neighbours. */
const begin = { name: 'begin', text: 'BEGIN' };
const commit = { name: 'commit', text: 'COMMIT' };

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  readonly name: string;
  readonly logger: Pick<Logger, 'warn'>;
  /** A connection that is not had in this time fails its request. */
  readonly acquireTimeoutMs?: number;
  /** A statement without an answer for this long fails and ends its connection. */
  readonly answerTimeoutMs?: number;
}

/** A statement that is sent together with COMMIT. */
export interface LastStatement extends Statement {
  /** Given its rows once they are committed. */
  readonly committed?: (rows: readonly pg.QueryResultRow[]) => void;
}

/** The connections to one database. Statements of one connection are pipelined. */
export class Database {
  private readonly pool: pg.Pool;

  constructor(options: PoolOptions) {
    this.pool = new pg.Pool({
      connectionString: options.url,
      max: options.max,
      application_name: options.name,
      connectionTimeoutMillis: options.acquireTimeoutMs ?? 5_000,
      idleTimeoutMillis: 60_000,
      query_timeout: options.answerTimeoutMs ?? answerTimeoutMs,
      keepAlive: true,
      stream: () => new CoalescingSocket(),
      pipeline: true,
      options: sessionOptions,
      types: { getTypeParser },
    });
    // Without a listener the error of an idle connection, such as a restart of the server
    // causes, ends the process.
    this.pool.on('error', (error) => {
      options.logger.warn({ err: error }, 'an idle database connection failed');
    });
    // The pool listens to idle connections only. One that is checked out breaks here as well as in
    // its statement, and a new one may before anybody has it.
    this.pool.on('connect', (client) => void client.on('error', ignore));
  }

  /** One statement, a transaction of its own. */
  async query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    const client = await this.connect();
    return await released(client, async () => rows<Row>(await client.query(asQuery(statement))));
  }

  /**
   * Runs `work` between BEGIN and COMMIT. When anything of it fails, nothing of it is stored
   * and the error is thrown. BEGIN shares its way to the server with the first statement.
   *
   * `finish` gives the last statements; they share their way with COMMIT. A statement of them
   * that fails turns that COMMIT into a rollback.
   */
  async transact<Result>(
    work: (tx: Transaction) => Promise<{ result: Result; finish?: readonly LastStatement[] }>,
  ): Promise<Result> {
    const client = await this.connect();
    return await released(client, async () => {
      const begun = client.query(begin);
      begun.catch(ignore);
      const tx: Transaction = {
        query: async (statement) => rows(await client.query(asQuery(statement))),
      };
      let done: { result: Result; finish?: readonly LastStatement[] };
      try {
        done = await work(tx);
        await begun;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      }
      const { result, finish = [] } = done;
      const last = finish.map((statement) => client.query(asQuery(statement)));
      const settled = await Promise.allSettled([...last, client.query(commit)]);
      const results = settled.map((each) => {
        if (each.status === 'rejected') throw each.reason;
        return each.value;
      });
      // COMMIT of a transaction in which something failed succeeds and stores nothing.
      if (results.at(-1)?.command !== 'COMMIT') throw new Error('the transaction was rolled back');
      for (const [index, statement] of finish.entries()) {
        statement.committed?.(results[index]?.rows ?? []);
      }
      return result;
    });
  }

  /** Milliseconds that `SELECT 1` took. */
  async ping(): Promise<number> {
    const started = performance.now();
    await this.query({ name: 'ping', text: 'SELECT 1' });
    return performance.now() - started;
  }

  /** Waits for the statements that run, then closes every connection. */
  async close(): Promise<void> {
    await this.pool.end();
  }

  private connect(): Promise<pg.PoolClient> {
    return this.pool.connect();
  }
}

async function released<Result>(
  client: pg.PoolClient,
  work: () => Promise<Result>,
): Promise<Result> {
  let broken = false;
  try {
    return await work();
  } catch (error) {
    broken = classify(error) === 'unavailable';
    throw error;
  } finally {
    client.release(broken);
  }
}

function ignore(): void {}

function asQuery(statement: Statement): pg.QueryConfig {
  const timeout = statement.answerTimeoutMs;
  return {
    text: statement.text,
    ...(statement.name === undefined ? {} : { name: statement.name }),
    ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    ...(timeout === undefined ? {} : { query_timeout: timeout }),
  };
}

function rows<Row extends pg.QueryResultRow>(result: pg.QueryResult): Row[] {
  // What the statement selects is for its caller to say.
  return result.rows as Row[];
}

/** Amounts are `int8` and within the safe integers by their schemas and CHECKs. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === int8Oid ? Number : pg.types.getTypeParser(oid, format ?? 'text');
}
