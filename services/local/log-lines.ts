/** One line of output of one process. */
export interface LogLine {
  /** Name of the process, with its number when there are several of a service. */
  readonly process: string;
  readonly text: string;
}

export type LineFormat = 'json' | 'colour' | 'plain';

const levelNames: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const colours = [36, 32, 35, 34, 33, 96, 92, 95];
const levelColours: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 };
/** Not shown: told by the prefix, or of no use to a person. */
const hidden = new Set([
  'time',
  'level',
  'msg',
  'pid',
  'hostname',
  'service',
  'name',
  'v',
  'replica',
  'traceId',
]);
const maxFieldChars = 200;
const prefixWidth = 12;

/** What a line means, whichever program wrote it. */
interface Entry {
  readonly time: Date;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** A JSON object that the process wrote itself. */
  readonly structured: boolean;
}

/**
 * Makes a function that turns lines into what is printed; nothing for a line that only
 * machines need. JSON passes through, and text of nats-server and PostgreSQL becomes JSON with
 * a `service` field.
 */
export function lineFormatter(format: LineFormat): (line: LogLine) => string | undefined {
  const given = new Map<string, number>();
  return ({ process, text }) => {
    if (text.trim() === '') return undefined;
    const entry = parse(text);
    if (format === 'json') return asJson(process, text, entry);
    if (!entry.structured && isServer(process) && entry.level === 'info') return undefined;
    const colour = given.get(process) ?? colours[given.size % colours.length] ?? 0;
    given.set(process, colour);
    return asText(process, entry, format === 'colour' ? colour : undefined);
  };
}

/** They tell about every start and checkpoint; a person needs their warnings. */
function isServer(process: string): boolean {
  return process === 'nats' || process === 'postgres';
}

function parse(text: string): Entry {
  const json = parseObject(text);
  if (json === undefined) {
    return {
      time: new Date(),
      level: levelOfText(text),
      message: withoutOwnPrefix(text),
      fields: {},
      structured: false,
    };
  }
  const { level, time, msg } = json;
  return {
    time: typeof time === 'number' || typeof time === 'string' ? new Date(time) : new Date(),
    level: typeof level === 'number' ? (levelNames[level] ?? `${level}`) : String(level ?? 'info'),
    message: typeof msg === 'string' ? msg : '',
    fields: json,
    structured: true,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Words of nats-server (`[ERR]`) and PostgreSQL (`ERROR:`). */
function levelOfText(text: string): string {
  if (/\[FTL\]|\b(FATAL|PANIC):/.test(text)) return 'fatal';
  if (/\[ERR\]|\bERROR:/.test(text)) return 'error';
  if (/\[WRN\]|\bWARNING:/.test(text)) return 'warn';
  return 'info';
}

/** Both servers put process and time first, which the line already has. */
function withoutOwnPrefix(text: string): string {
  return text
    .replace(/^\[\d+\] [\d/]+ [\d:.]+ \[\w{3}\] /, '')
    .replace(/^[\d-]+ [\d:.]+ \w+ \[\d+\] (\w+: +)?/, '');
}

function asJson(process: string, text: string, entry: Entry): string {
  if (entry.structured && 'service' in entry.fields) return text;
  if (entry.structured) return JSON.stringify({ service: process, ...entry.fields });
  const { level, time, message } = entry;
  return JSON.stringify({ service: process, level, time: time.toISOString(), msg: message });
}

function asText(process: string, entry: Entry, colour: number | undefined): string {
  const paint = (code: number | undefined, text: string) =>
    colour === undefined || code === undefined ? text : `\x1b[${code}m${text}\x1b[0m`;
  const time = Number.isNaN(entry.time.getTime()) ? '' : entry.time.toISOString().slice(11, 23);
  const fields = Object.entries(entry.fields)
    .filter(([key]) => !hidden.has(key))
    .map(([key, value]) => paint(2, `${key}=${shown(value)}`));
  const level = paint(levelColours[entry.level], entry.level.padEnd(5));
  return [paint(colour, process.padEnd(prefixWidth)), time, level, entry.message, ...fields]
    .join(' ')
    .trimEnd();
}

/** An error shows its message; its stack is in the JSON output. */
function shown(value: unknown): string {
  const error = isRecord(value) && typeof value.message === 'string';
  const plain = error ? value.message : value;
  const text = typeof plain === 'string' && !/\s/.test(plain) ? plain : JSON.stringify(plain);
  const full = text ?? String(plain);
  return full.length > maxFieldChars ? `${full.slice(0, maxFieldChars)}…` : full;
}
