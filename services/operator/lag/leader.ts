import { z } from 'zod';
import type { JetStream } from '../assets/jet-stream.ts';
import { JetStreamError } from '../assets/jet-stream-error.ts';
import { ReconcileError } from '../control/kind.ts';
import type { Consumer, Counts } from './consumers.ts';
import type { AskConsumer } from './reader.ts';
import { ApiError } from './status.ts';

/** Well below the 30 s after which an HPA's own request ends. */
const answerWithinMs = 5_000;

const consumerInfo = z.object({
  num_pending: z.int().min(0),
  num_ack_pending: z.int().min(0),
});

/**
 * Asks JetStream for a consumer, which only the leader of the consumer answers: a follower may be
 * behind. `open` gives the connection that the object describes.
 */
export function askLeader(open: (consumer: Consumer) => Promise<JetStream>): AskConsumer {
  return async (consumer) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new ApiError('Timeout', `the leader of ${nameOf(consumer)} did not answer`)),
        answerWithinMs,
      );
    });
    try {
      return await Promise.race([countsOf(open, consumer), late]);
    } catch (error) {
      throw refusalOf(error, consumer);
    } finally {
      clearTimeout(timer);
    }
  };
}

async function countsOf(
  open: (consumer: Consumer) => Promise<JetStream>,
  consumer: Consumer,
): Promise<Counts> {
  const jetStream = await open(consumer);
  const answer = await jetStream.ask(`CONSUMER.INFO.${consumer.stream}.${consumer.durable}`);
  const { num_pending: pending, num_ack_pending: ackPending } = consumerInfo.parse(answer);
  return { pending, ackPending };
}

function refusalOf(error: unknown, consumer: Consumer): unknown {
  if (error instanceof JetStreamError) {
    const reason = error.code === 404 ? 'NotFound' : 'ServiceUnavailable';
    const message = `NATS says of ${nameOf(consumer)}: ${error.description}`;
    return new ApiError(reason, message, { cause: error });
  }
  if (error instanceof ReconcileError) {
    return new ApiError('ServiceUnavailable', error.message, { cause: error });
  }
  return error;
}

function nameOf({ stream, durable }: Consumer): string {
  return `consumer ${durable} of stream ${stream}`;
}
