import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';

/** One line of the ledger file: everything the provider ever decided, refusals included. */
export type Entry =
  | {
      readonly kind: 'charge';
      readonly id: string;
      readonly key: string;
      readonly orderId: string;
      readonly amount: number;
      readonly currency: string;
      readonly status: 'captured' | 'declined';
      readonly reason?: string;
    }
  | {
      readonly kind: 'refund';
      readonly id: string;
      readonly key: string;
      readonly chargeKey: string;
      readonly orderId: string;
      readonly amount: number;
      readonly status: 'refunded' | 'refused';
      readonly reason?: string;
    };
export type ChargeEntry = Extract<Entry, { kind: 'charge' }>;
export type RefundEntry = Extract<Entry, { kind: 'refund' }>;

/**
 * An append-only file, one JSON document a line. What is written survives a kill -9: it is in
 * the kernel's page cache. The entries of one turn of the event loop share a write.
 */
export class LedgerFile {
  private readonly file: number;
  private lines: string[] = [];
  private waiting: (() => void)[] = [];
  private isScheduled = false;

  /** Calls `replay` with every entry that stands in the file, oldest first. */
  constructor(path: string, replay: (entry: Entry) => void) {
    if (existsSync(path)) readEntries(path, replay);
    this.file = openSync(path, 'a');
  }

  /** @param document an entry as JSON */
  append(document: string): void {
    this.lines.push(document, '\n');
    this.schedule();
  }

  /** Calls `then` when everything that was appended before is written. */
  whenWritten(then: () => void): void {
    if (this.lines.length === 0) {
      then();
      return;
    }
    this.waiting.push(then);
    this.schedule();
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.flush());
  }

  /** Throws when the file cannot be written, which ends the process: nothing may be answered. */
  private flush(): void {
    const { lines, waiting } = this;
    this.isScheduled = false;
    this.lines = [];
    this.waiting = [];
    if (lines.length > 0) writeAll(this.file, Buffer.from(lines.join('')));
    for (const then of waiting) then();
  }
}

function writeAll(file: number, bytes: Buffer): void {
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(file, bytes, offset);
}

/** A last line without its end was never answered: it is cut off. */
function readEntries(path: string, replay: (entry: Entry) => void): void {
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(path, end);
  for (let start = 0; start < end; ) {
    const next = bytes.indexOf(0x0a, start);
    // Written by this program, and nobody else writes here.
    const entry: Entry = JSON.parse(bytes.toString('utf8', start, next));
    replay(entry);
    start = next + 1;
  }
}
