export type Config = Readonly<Record<string, unknown>>;

/** What is sent, and what of it must come back. */
export interface Wanted {
  /** Every field, so that a field that was taken out of the spec is cleared on the server. */
  readonly config: Config;
  /**
   * What the server makes of fields that the spec leaves to it. A limit of the server or of the
   * account may make something else of it, which is its right.
   */
  readonly defaults: Config;
  /** Fields that the server computes from something else. */
  readonly computed?: readonly string[];
}

export interface Difference {
  readonly field: string;
  readonly wanted: unknown;
  readonly found: unknown;
}

/** Where the server has something else than is wanted. What it keeps for itself is left out. */
export function differences(wanted: Wanted, actual: Config): readonly Difference[] {
  const computed = new Set(wanted.computed);
  return Object.entries({ ...wanted.config, ...wanted.defaults })
    .filter(([field]) => !computed.has(field))
    .flatMap(([field, value]) => {
      const found = actual[field];
      return isSame(field, value, found) ? [] : [{ field, wanted: value, found }];
    });
}

/** Lists of names, in which the order means nothing. */
const sets = new Set(['subjects', 'filter_subjects', 'tags', 'sources', 'priority_groups']);
/** Left out by the server when they are what they are by default. */
const absent = new Set(['persist_mode:default', 'priority_policy:none']);

export function isSame(field: string, one: unknown, other: unknown): boolean {
  return canonical(field, one) === canonical(field, other);
}

/** Equal texts for what means the same: zero values are not there, times are instants. */
function canonical(field: string, value: unknown): string {
  return JSON.stringify(normal(field, value)) ?? '';
}

function normal(field: string, value: unknown): unknown {
  if (value === null || value === false || value === 0 || value === '') return undefined;
  if (absent.has(`${field}:${String(value)}`)) return undefined;
  if (typeof value === 'string' && /_time$|_until$/.test(field)) return instant(value);
  if (Array.isArray(value)) return normalList(field, value);
  if (typeof value === 'object' && value !== undefined) return normalObject(field, value);
  return value;
}

function normalList(field: string, values: readonly unknown[]): unknown {
  const items = values.map((each) => normal('', each));
  if (items.length === 0) return undefined;
  return sets.has(field) ? items.map((each) => JSON.stringify(each)).sort() : items;
}

function normalObject(field: string, value: object): unknown {
  const entries = Object.entries(value)
    .filter(([key]) => field !== 'metadata' || !key.startsWith('_nats.'))
    .map(([key, each]) => [key, field === 'metadata' ? each : normal(key, each)] as const)
    .filter(([, each]) => each !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Go's zero time means none. */
function instant(text: string): number | undefined {
  const at = Date.parse(text);
  return at === Date.parse('0001-01-01T00:00:00Z') ? undefined : at;
}

/** The server's name of a field as the spec calls it: `num_replicas` is `replicas`. */
export function specNameOf(field: string, exceptions: Readonly<Record<string, string>>): string {
  return (
    exceptions[field] ?? field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  );
}
