import { type DestinationStream, multistream, type Logger as PinoLogger, pino } from 'pino';
import type { Cause } from '../event.ts';
import { traceIdOf } from './trace.ts';

/** Writes JSON lines; newlines and control characters of values are escaped, never printed. */
export type Logger = PinoLogger;

export interface LogOptions {
  readonly service: string;
  readonly replica: string;
  readonly level: string;
  /** Appended to, beside standard output. Its folder is made when missing. */
  readonly file?: string | undefined;
  /** False leaves out everything below `warn`. @default true */
  readonly enabled?: boolean;
  /** Takes the lines instead of standard output and the file. */
  readonly destination?: DestinationStream;
}

/** One expression over the finished line finds them at any depth, for a tenth of redaction. */
const secretMembers = new RegExp(
  '("(?:(?:proxy-?)?authorization|(?:set-)?cookie|password|passphrase|secret|token|jwt|seed|' +
    'creds|credentials)":)(?:"(?:[^"\\\\]|\\\\.)*"|\\[[^\\]]*\\])',
  'gi',
);

/**
 * A logger to standard output and, where named, to a file. Lines are written asynchronously,
 * within a tenth of a second; what is left goes out at exit. Values
 * under the names of secrets and passwords inside of URLs are replaced wherever they stand.
 */
export function createLogger(options: LogOptions): Logger {
  const quiet = options.enabled === false && pino.levels.values[options.level] !== undefined;
  const level = quiet && (pino.levels.values[options.level] ?? 0) < 40 ? 'warn' : options.level;
  return pino(
    {
      level,
      base: { service: options.service, replica: options.replica },
      timestamp,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: withoutSecrets },
    },
    options.destination ?? destinationOf(options.file),
  );
}

/** Lines wait for at most this long, so that a busy process writes many of them at once. */
const batching = { sync: false, minLength: 8_192, periodicFlush: 100 };

/**
 * Lines are handed over as bytes: text that waits would be measured again, and so copied, with
 * every line that is added to it.
 */
function batched(options: { readonly fd: number } | { readonly dest: string; mkdir: true }) {
  const output = pino.destination({ ...options, ...batching, contentMode: 'buffer' });
  return {
    // The type says text; in this mode bytes are what it takes.
    write: (line: string) => void output.write(Buffer.from(line) as unknown as string),
    flush: (done?: (error?: Error) => void) => output.flush(done),
    flushSync: () => output.flushSync(),
  };
}

function destinationOf(file: string | undefined): DestinationStream {
  const output = batched({ fd: 1 });
  if (file === undefined) return output;
  const appended = batched({ dest: file, mkdir: true });
  // Levels are filtered by the logger; a stream of its own level would drop debug lines.
  return multistream([
    { stream: output, level: 'trace' },
    { stream: appended, level: 'trace' },
  ]);
}

let stampedAt = 0;
let stamp = '';

/** Formatting a time costs more than the rest of a line, and many lines share a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    stamp = `,"time":"${new Date(now).toISOString()}"`;
  }
  return stamp;
}

function withoutSecrets(line: string): string {
  return withoutPasswords(line.replace(secretMembers, '$1"[secret]"'));
}

/** `postgres://user:password@host` without the password. Also for errors shown elsewhere. */
export function withoutPasswords(text: string): string {
  // Looking for one character first makes this free for nearly every line.
  if (!text.includes('@')) return text;
  return text.replace(/(:\/\/[^\s:@/"]*):[^\s@"]+@/g, '$1:[secret]@');
}

/** The fields that tie a line to the order it is about. */
export function about(cause: Cause): { readonly correlationId: string; readonly traceId: string } {
  return { correlationId: cause.correlationId, traceId: traceIdOf(cause.traceparent) };
}
