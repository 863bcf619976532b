import type { QueryResultRow } from 'pg';

/** One statement. `name` makes it a prepared statement of the connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  /** Arrays are best given as encoded columns (`store/columns.ts`): no escaping, no parsing. */
  readonly values?: readonly unknown[];
  /** Over that of the pool, for what may run for minutes. */
  readonly answerTimeoutMs?: number;
}

/** An open transaction on one connection. Statements run one after the other. */
export interface Transaction {
  query<Row extends QueryResultRow = QueryResultRow>(statement: Statement): Promise<Row[]>;
}
