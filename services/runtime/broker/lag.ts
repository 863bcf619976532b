import { lanes } from '@windlass/contracts/service.ts';
import { z } from 'zod';
import type { Broker } from './connection.ts';
import type { Consumer } from './consumer.ts';

const requestTimeoutMs = 2_000;
const info = z.object({ num_pending: z.number(), num_ack_pending: z.number() });

/**
 * The time in ms up to which this service has surely handled every event of a stream, in all
 * lanes. Of a lane with something pending it is the storage time of the newest event that was
 * handled here, less `ack_wait`, which another replica may still hold an older one for.
 *
 * 0 when the server does not answer: nothing is sure then.
 */
export async function handledUpTo(
  broker: Broker,
  consumer: Pick<Consumer, 'newestHandled'>,
  service: string,
  stream: string,
  ackWaitMs: number,
  now: number,
): Promise<number> {
  const connection = broker.current;
  if (connection === undefined) return 0;
  try {
    const upTo = await Promise.all(
      lanes.map(async (lane) => {
        const subject = `$JS.API.CONSUMER.INFO.${stream}.${service}-${lane}`;
        const answer = await connection.request(subject, '', { timeout: requestTimeoutMs });
        const { num_pending, num_ack_pending } = info.parse(answer.json());
        if (num_pending + num_ack_pending === 0) return now;
        return Math.max(0, consumer.newestHandled(stream, lane) - ackWaitMs);
      }),
    );
    return Math.min(...upTo);
  } catch {
    return 0;
  }
}
