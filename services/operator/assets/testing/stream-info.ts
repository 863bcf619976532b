import type { Answer, JetStream } from '../jet-stream.ts';
import { JetStreamError, streamNotFound } from '../jet-stream-error.ts';

/** Undefined only when JetStream says that there is no such stream: silence is no absence. */
export async function streamInfo(jetStream: JetStream, name: string): Promise<Answer | undefined> {
  try {
    return await jetStream.ask(`STREAM.INFO.${name}`);
  } catch (error) {
    if (error instanceof JetStreamError && error.errCode === streamNotFound) return undefined;
    throw error;
  }
}
