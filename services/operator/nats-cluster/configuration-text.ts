/** A value of nats.conf that the server takes from its environment. */
export class Environment {
  readonly variable: string;

  constructor(variable: string) {
    this.variable = variable;
  }
}

export type Value =
  | string
  | number
  | boolean
  | Environment
  | readonly Value[]
  | { readonly [key: string]: Value };

export type Block = { readonly [key: string]: Value };

/** The text of nats.conf: equal values, in the same order, give the same text. */
export function configurationText(block: Block): string {
  return entries(block, '').join('\n').concat('\n');
}

function entries(block: Block, indent: string): string[] {
  return Object.entries(block).map(([key, value]) => {
    const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? key : quoted(key);
    return `${indent}${name}: ${text(value, indent)}`;
  });
}

function text(value: Value, indent: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Environment) return `$${value.variable}`;
  const deeper = `${indent}  `;
  if (isList(value)) {
    if (value.length === 0) return '[]';
    const lines = value.map((each) => `${deeper}${text(each, deeper)}`);
    return `[\n${lines.join('\n')}\n${indent}]`;
  }
  const lines = entries(value, deeper);
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`;
}

/** The server knows no `\u`; what is not printable is written byte for byte as `\x`. */
function quoted(value: string): string {
  const escaped = value.replaceAll(/["\\]/g, '\\$&').replaceAll(/\p{Cc}/gu, (character) => {
    const bytes = [...Buffer.from(character)];
    return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  });
  return `"${escaped}"`;
}

export function isBlock(value: unknown): value is Block {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Environment)
  );
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Blocks are merged key by key; any other value replaces what was there. */
export function merged(block: Block, over: Block): Block {
  const result: Record<string, Value> = { ...block };
  for (const [key, value] of Object.entries(over)) {
    const before = result[key];
    result[key] = isBlock(before) && isBlock(value) ? merged(before, value) : value;
  }
  return result;
}
