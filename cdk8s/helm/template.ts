/** Text for Helm, which stands in the place of a scalar or of what is below a key. */
export class Expression {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An entry of an object or of a list that is there under a condition only. */
export class Conditional {
  readonly condition: string;
  readonly value: Node;

  constructor(condition: string, value: Node) {
    this.condition = condition;
    this.value = value;
  }
}

export type Node = string | number | boolean | null | Expression | Conditional | List | Fields;
interface List extends ReadonlyArray<Node> {}
export interface Fields {
  readonly [key: string]: Node;
}

/** YAML with the text for Helm in it: a document, or what is below a key. */
export function templateOf(node: Node, indent = 0): string {
  return linesOf(node, indent).join('\n');
}

/** Text of YAML that Helm hands on as it is. */
export function escaped(yaml: string): string {
  return yaml.replace(/\{\{|\}\}/g, (braces) => `{{ ${JSON.stringify(braces)} }}`);
}

function linesOf(node: Node, indent: number): readonly string[] {
  if (isList(node)) return node.flatMap((item) => listed(item, indent));
  if (isFields(node)) {
    return Object.entries(node).flatMap(([key, value]) => field(key, value, indent));
  }
  return [' '.repeat(indent) + scalar(node)];
}

function field(key: string, value: Node, indent: number): readonly string[] {
  if (value instanceof Conditional) return under(value, field(key, value.value, indent));
  const start = `${' '.repeat(indent)}${escaped(word(key))}:`;
  if (isList(value) ? value.length > 0 : isFields(value) && Object.keys(value).length > 0) {
    return [start, ...linesOf(value, indent + 2)];
  }
  return [`${start} ${scalar(value)}`];
}

function listed(value: Node, indent: number): readonly string[] {
  if (value instanceof Conditional) return under(value, listed(value.value, indent));
  const start = `${' '.repeat(indent)}-`;
  if (!isList(value) && !isFields(value)) return [`${start} ${scalar(value)}`];
  const inner = linesOf(value, indent + 2);
  const [first = '', ...rest] = inner;
  if (inner.length === 0) return [`${start} ${isList(value) ? '[]' : '{}'}`];
  // A condition has no indentation, so it cannot stand behind the dash.
  if (!first.startsWith(' ')) return [start, ...inner];
  return [`${start} ${first.trimStart()}`, ...rest];
}

function under({ condition }: Conditional, lines: readonly string[]): readonly string[] {
  return [`{{- if ${condition} }}`, ...lines, '{{- end }}'];
}

function scalar(value: Node): string {
  if (value instanceof Expression) return value.text;
  if (typeof value === 'string') return escaped(word(value));
  return JSON.stringify(value);
}

/** Plain where nobody can take it for anything but a text. */
function word(value: string): string {
  const isPlain = /^[A-Za-z/][\w./-]*$/.test(value);
  const isOther = /^(true|false|yes|no|on|off|null|y|n)$/i.test(value);
  return isPlain && !isOther ? value : JSON.stringify(value);
}

function isList(node: Node): node is List {
  return Array.isArray(node);
}

/** Whether a node is an object. */
export function isFields(node: Node): node is Fields {
  if (node instanceof Expression || node instanceof Conditional) return false;
  return typeof node === 'object' && node !== null && !isList(node);
}
