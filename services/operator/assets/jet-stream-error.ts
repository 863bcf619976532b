import { ReconcileError } from '../control/kind.ts';

/** What JetStream answered instead of doing what it was asked. */
export class JetStreamError extends Error {
  override readonly name = 'JetStreamError';
  /** As of HTTP: 404, 400, 503. */
  readonly code: number;
  /** Says exactly what is wrong; the numbers are those of the server's errors.json. */
  readonly errCode: number;
  readonly description: string;

  constructor(code: number, errCode: number, description: string) {
    super(`${description} (${errCode})`);
    this.code = code;
    this.errCode = errCode;
    this.description = description;
  }
}

export const streamNotFound = 10_059;
export const consumerNotFound = 10_014;

/** Reasons for what time may cure; whatever is not here is `Refused`, and stays so. */
const passing: ReadonlyMap<number, string> = new Map([
  [10_002, 'AccountLimitExceeded'],
  [10_004, 'JetStreamUnavailable'],
  [10_005, 'NoSuitablePeers'],
  [10_007, 'JetStreamUnavailable'],
  [10_008, 'JetStreamUnavailable'],
  [10_009, 'JetStreamUnavailable'],
  [10_023, 'InsufficientResources'],
  [10_026, 'LimitReached'],
  [10_027, 'LimitReached'],
  [10_028, 'InsufficientMemory'],
  [10_035, 'JetStreamUnavailable'],
  [10_039, 'JetStreamNotEnabled'],
  [10_047, 'InsufficientStorage'],
  [10_058, 'ChangedMeanwhile'],
  [consumerNotFound, 'ChangedMeanwhile'],
  [streamNotFound, 'StreamNotFound'],
  [10_065, 'SubjectsOverlap'],
  [10_076, 'JetStreamNotEnabled'],
  [10_118, 'StreamOffline'],
  [10_119, 'ConsumerOffline'],
  [10_124, 'MoveInProgress'],
  [10_148, 'ChangedMeanwhile'],
  [10_149, 'ChangedMeanwhile'],
  [10_167, 'TooManyRequests'],
  [10_194, 'StreamOffline'],
  [10_195, 'ConsumerOffline'],
  [10_226, 'MoveInProgress'],
]);

/** For which somebody has to change the object or the server, with a reason of their own. */
const lasting: ReadonlyMap<number, string> = new Map([
  [10_055, 'ImmutableField'],
  [10_061, 'ImmutableField'],
  [10_074, 'ReplicasNotSupported'],
  [10_185, 'ServerTooOld'],
]);

/** The condition's reason and message of an answer; the message has the server's own code. */
export function refusalOf(error: JetStreamError, what: string): ReconcileError {
  const reason = passing.get(error.errCode);
  return new ReconcileError(
    reason ?? lasting.get(error.errCode) ?? 'Refused',
    `NATS refused to ${what}: ${error.description} (${error.errCode}).`,
    { cause: error, isStalled: reason === undefined },
  );
}

/** Every reason that a refusal can have. */
export const refusalReasons: readonly string[] = [
  ...new Set([...passing.values(), ...lasting.values(), 'Refused']),
];
