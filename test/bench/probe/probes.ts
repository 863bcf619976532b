import { z } from 'zod';

/** What the probe process can be asked to measure, one at a time. */
const database = z.string();
export const commitProbe = z.object({ kind: z.literal('commit'), database, ms: z.number() });
export const hopProbe = z.object({ kind: z.literal('hop'), nats: z.string(), ms: z.number() });
export const providerProbe = z.object({
  kind: z.literal('provider'),
  url: z.string(),
  ms: z.number(),
});
export const writerProbe = z.object({
  kind: z.literal('writer'),
  database,
  callers: z.int(),
  rounds: z.int(),
  roundMs: z.number(),
});
export const relayProbe = z.object({
  kind: z.literal('relay'),
  database,
  nats: z.string(),
  rounds: z.int(),
  events: z.int(),
  publishMs: z.number(),
});
export const probe = z.discriminatedUnion('kind', [
  commitProbe,
  hopProbe,
  providerProbe,
  writerProbe,
  relayProbe,
]);

/** Of something that was done again and again, one at a time, in milliseconds. */
export const durations = z.object({
  kind: z.literal('durations'),
  p50: z.number(),
  p99: z.number(),
  count: z.int(),
});
export type Durations = z.output<typeof durations>;

/** Rates per second of each round. */
export const writerRates = z.object({
  kind: z.literal('writer-rates'),
  writer: z.array(z.number()),
  /** `BEGIN`, three `INSERT`s, `COMMIT`, each sent when the one before is answered. */
  transaction: z.array(z.number()),
  /** The same with prepared statements. */
  prepared: z.array(z.number()),
  /** p50 and p99 of one acceptance in milliseconds. */
  writerLatency: z.object({ p50: z.number(), p99: z.number() }),
  transactionLatency: z.object({ p50: z.number(), p99: z.number() }),
});
export type WriterRates = z.output<typeof writerRates>;

export const relayRates = z.object({
  kind: z.literal('relay-rates'),
  /** Events a second from a full outbox until it is empty. */
  relay: z.array(z.number()),
  /** Awaited `js.publish` with 256 under way. */
  awaited: z.array(z.number()),
});
export type RelayRates = z.output<typeof relayRates>;
