import { stringify } from 'yaml';
import { z } from 'zod';
import type { ChartSchema, ChartValues } from './values.ts';

const columnsMax = 96;

/** What a node of the JSON Schema says that is of use here. */
interface Described {
  readonly description?: string | undefined;
  readonly properties?: Readonly<Record<string, Described>> | undefined;
}
const described: z.ZodType<Described> = z.object({
  description: z.string().optional(),
  get properties() {
    return z.record(z.string(), described).optional();
  },
});

/** `values.schema.json`: draft 2020-12, in which nothing else is allowed. */
export function schemaText(schema: ChartSchema): string {
  return `${JSON.stringify(z.toJSONSchema(schema), undefined, 2)}\n`;
}

/** `values.yaml`, with what the schema says of each value above it. */
export function valuesText(schema: ChartSchema, values: ChartValues): string {
  const parts = textOf(described.parse(z.toJSONSchema(schema)), values, '');
  return parts.join('\n').concat('\n');
}

function textOf(schema: Described, values: object, indent: string): readonly string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const child = schema.properties?.[key] ?? {};
    const comment = wrapped(child.description ?? '', columnsMax - indent.length).map(
      (line) => `${indent}# ${line}`,
    );
    const start = indent === '' ? [''] : [];
    if (typeof value === 'object' && value !== null) {
      const inner = textOf(child, value, `${indent}  `);
      return [...start, ...comment, `${indent}${key}:`, ...inner];
    }
    return [...start, ...comment, `${indent}${stringify({ [key]: value }).trimEnd()}`];
  });
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
