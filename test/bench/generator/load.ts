import { z } from 'zod';

/** One run of the generator. */
export const loadSpec = z.object({
  kind: z.literal('load'),
  port: z.int(),
  /** Number of the run: keeps its keys apart from those of all others. */
  run: z.int(),
  /**
   * `closed`: each connection sends its next request when it has the answer.
   * `open`: requests are meant to be sent at random times (Poisson) whatever the answers do;
   * what waits for a connection waits on the clock of its latency.
   * `paced`: as `open`, but what finds no free connection is left out, so that a rate which is
   * too high does no more than keep all connections busy.
   */
  mode: z.enum(['closed', 'open', 'paced']),
  connections: z.int(),
  /** Requests a second of an open loop; `rate` messages change it. */
  rate: z.number(),
  warmMs: z.number(),
  runMs: z.number(),
  /** Every order has the hot SKU among its lines. */
  hot: z.boolean(),
  /** Sends within some microseconds of the intended time, at the price of a busy loop. */
  precise: z.boolean(),
  /**
   * Sleeps for so long after each look at the connections, so that many are handled at once: a
   * wake-up costs as much as half a request. It is part of every latency; 0 does not sleep.
   */
  napMs: z.number(),
  /** Keeps the intended time of each request, for latencies that others measure the end of. */
  timed: z.boolean(),
});
export type LoadSpec = z.output<typeof loadSpec>;

const buckets = z.array(z.tuple([z.number(), z.number()]));

export const loadResult = z.object({
  kind: z.literal('result'),
  /** Answers by status over the whole run, warming up included; 0 is a lost connection. */
  statuses: z.record(z.string(), z.number()),
  /** Requests that no connection was free for until the end. */
  unsent: z.number(),
  /** From here on it is about the measured part. */
  seconds: z.number(),
  /** Answers of any status. */
  answered: z.number(),
  accepted: z.number(),
  /** CPU time of the generator. */
  cpuMicros: z.number(),
  /** From the intended time to the answer, of what was accepted. */
  latency: buckets,
  /** The same of what was refused. */
  refusedLatency: buckets,
  /** By number of the order: when it was meant to be sent, in ms since the epoch. */
  intendedAt: z.array(z.number()),
  /** Number of the first order of the measured part. */
  firstMeasured: z.number(),
});
export type LoadResult = z.output<typeof loadResult>;

/** Said when warming up ends and measuring begins, and when measuring ends. */
export const loadPhase = z.object({ kind: z.literal('phase'), phase: z.enum(['begin', 'end']) });
export const rateChange = z.object({ kind: z.literal('rate'), rate: z.number() });
export const loadCommand = z.discriminatedUnion('kind', [loadSpec, rateChange]);
