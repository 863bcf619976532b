import { z } from 'zod';
import type { Found } from './asset-plan.ts';
import type { Answer } from './jet-stream.ts';

const count = z.number().default(0);
const config = z.record(z.string(), z.unknown());

const peer = z.object({
  name: z.string(),
  current: z.boolean().default(false),
  offline: z.boolean().default(false),
  lag: count,
});

const cluster = z
  .object({
    name: z.string().default(''),
    leader: z.string().default(''),
    replicas: z.array(peer).nullish(),
  })
  .optional();

const streamAnswer = z.object({
  config: config.and(z.object({ num_replicas: z.number().default(1) })),
  created: z.string(),
  cluster,
  state: z.object({
    messages: count,
    bytes: count,
    first_seq: count,
    last_seq: count,
    first_ts: z.string().optional(),
    last_ts: z.string().optional(),
    num_subjects: count,
    num_deleted: count,
    consumer_count: count,
  }),
});
export type StreamState = z.output<typeof streamAnswer>['state'];

/** What `STREAM.INFO`, `CREATE` and `UPDATE` answer. */
export function foundStream(
  answer: Answer,
  figuresOf: (state: StreamState) => Readonly<Record<string, unknown>>,
): Found {
  const { config, created, cluster, state } = streamAnswer.parse(answer);
  return {
    config,
    created,
    isEmpty: state.messages === 0,
    ...clusterOf(cluster),
    expectedReplicas: cluster === undefined ? undefined : config.num_replicas - 1,
    figures: { state: figuresOf(state) },
    counts: { of: 'stream', messages: state.messages, bytes: state.bytes },
  };
}

const sequence = z
  .object({ consumer_seq: count, stream_seq: count, last_active: z.string().optional() })
  .prefault({});

const consumerAnswer = z.object({
  config,
  created: z.string(),
  cluster,
  delivered: sequence,
  ack_floor: sequence,
  num_pending: count,
  num_ack_pending: count,
  num_redelivered: count,
  num_waiting: count,
  paused: z.boolean().default(false),
});

/** What `CONSUMER.INFO` and `CREATE` answer. */
export function foundConsumer(answer: Answer): Found {
  const parsed = consumerAnswer.parse(answer);
  const { num_pending: pending, num_ack_pending: ackPending, delivered } = parsed;
  const redelivered = parsed.num_redelivered;
  return {
    config: parsed.config,
    created: parsed.created,
    isEmpty: pending + ackPending === 0,
    ...clusterOf(parsed.cluster),
    expectedReplicas: undefined,
    figures: {
      pending,
      ackPending,
      redelivered,
      waiting: parsed.num_waiting,
      lag: pending + ackPending,
      ackFloor: parsed.ack_floor.stream_seq,
      delivered: delivered.stream_seq,
      paused: parsed.paused,
    },
    counts: { of: 'consumer', pending, ackPending, redelivered },
  };
}

function clusterOf(given: z.output<typeof cluster>): Pick<Found, 'cluster' | 'replicas'> {
  if (given === undefined) return { cluster: undefined, replicas: [] };
  const { name, leader, replicas } = given;
  return { cluster: { name, leader }, replicas: replicas ?? [] };
}
