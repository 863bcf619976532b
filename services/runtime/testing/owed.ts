/** Asks the JetStream API in the server's own words; an `error` stands in the answer. */
type Ask = (api: string, body: object) => Promise<Record<string, unknown>>;

export interface Owed {
  /** Messages that were never delivered. */
  readonly pending: number;
  /** Messages that were delivered without an answer yet. */
  readonly unacked: number;
}

/**
 * What a durable consumer still owes. The server counts `num_pending` some time after it has
 * acknowledged a publish, so that a count of zero right after one means nothing: then the last
 * message that the consumer wants is compared with the last that it was given.
 */
export async function owedBy(ask: Ask, stream: string, durable: string): Promise<Owed> {
  const info = await ask(`CONSUMER.INFO.${stream}.${durable}`, {});
  if (info.error !== undefined) throw new Error(`${durable}: ${JSON.stringify(info.error)}`);
  const owed = { pending: Number(info.num_pending), unacked: Number(info.num_ack_pending) };
  if (owed.pending + owed.unacked > 0) return owed;
  const { filter_subject: one, filter_subjects: many = [one ?? '>'] } = Object(info.config);
  const wanted: readonly string[] = many;
  const last = await Promise.all(
    wanted.map(async (subject) => {
      const answer = await ask(`STREAM.MSG.GET.${stream}`, { last_by_subj: subject });
      return Number(Object(answer.message).seq ?? 0);
    }),
  );
  const isDelivered = Math.max(...last) <= Number(Object(info.delivered).stream_seq);
  return isDelivered ? owed : { ...owed, pending: 1 };
}
