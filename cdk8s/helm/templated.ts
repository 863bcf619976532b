import type { Slot } from './slots.ts';
import { Conditional, Expression, escaped, type Node } from './template.ts';

/** A part of a manifest: the keys and positions that lead to it. */
export type Path = readonly (string | number)[];

/** What a manifest has of its own, by the paths. */
export interface Rules {
  /** What stands there instead of what was rendered. */
  readonly node: (path: Path) => Node | undefined;
  /** Under which the entry is there. */
  readonly condition: (path: Path) => string | undefined;
}

const noRules: Rules = { node: () => undefined, condition: () => undefined };

/**
 * A manifest in which expressions stand where the marked one differs. Throws when a difference is
 * none of a slot: then the chart would not say what its sources say.
 */
export function templated(
  usual: unknown,
  marked: unknown,
  slots: readonly Slot[],
  rules: Rules = noRules,
): Node {
  const walk = (one: unknown, other: unknown, path: Path): Node => {
    const condition = rules.condition(path);
    const node = rules.node(path) ?? below(one, other, path);
    return condition === undefined ? node : new Conditional(condition, node);
  };
  const below = (one: unknown, other: unknown, path: Path): Node => {
    if (Array.isArray(one) && Array.isArray(other) && one.length === other.length) {
      return one.map((item, index) => walk(item, other[index], [...path, index]));
    }
    if (isFields(one) && isFields(other)) return fields(one, other, path);
    if (one === other) return plain(one, path);
    return filled(one, other, slots) ?? unknownDifference(path);
  };
  const fields = (
    one: Readonly<Record<string, unknown>>,
    other: Readonly<Record<string, unknown>>,
    path: Path,
  ): Node => {
    const gone = Object.keys(one).find((key) => !(key in other));
    if (gone !== undefined) unknownDifference([...path, gone]);
    const entries = Object.entries(other).map(([key, value]) => {
      const at = [...path, key];
      return [key, key in one ? walk(one[key], value, at) : optional(value, slots, at)] as const;
    });
    return Object.fromEntries(entries);
  };
  return walk(usual, marked, []);
}

/** What is there only when its value is. */
function optional(marked: unknown, slots: readonly Slot[], path: Path): Node {
  const slot = slots.find(({ marker, usual }) => marker === marked && usual === '');
  if (slot === undefined) return unknownDifference(path);
  return new Conditional(slot.expression, new Expression(`{{ ${slot.expression} | quote }}`));
}

/** Undefined when the slots do not explain the difference. */
function filled(usual: unknown, marked: unknown, slots: readonly Slot[]): Expression | undefined {
  if (typeof marked === 'number') {
    const slot = slots.find((each) => each.marker === marked && each.usual === usual);
    return slot === undefined ? undefined : new Expression(`{{ ${slot.expression} }}`);
  }
  if (typeof marked !== 'string') return undefined;
  const parts = partsOf(marked, slots);
  const text = parts.map((part) => (typeof part === 'string' ? part : part.usual)).join('');
  if (text !== usual) return undefined;
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && typeof first !== 'string') {
    return new Expression(`{{ ${first.expression} | quote }}`);
  }
  const inside = parts.map((part) =>
    typeof part === 'string'
      ? escaped(JSON.stringify(part).slice(1, -1))
      : `{{ ${part.expression} }}`,
  );
  return new Expression(`"${inside.join('')}"`);
}

/** The slots of a text and what is between them; of two at one place the longer one. */
function partsOf(text: string, slots: readonly Slot[]): readonly (string | Slot)[] {
  const markers = slots.map(({ marker }) => `${marker}`).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`(${markers.map((each) => each.replaceAll('.', '\\.')).join('|')})`);
  return text
    .split(pattern)
    .filter((part) => part !== '')
    .map((part) => slots.find(({ marker }) => `${marker}` === part) ?? part);
}

function plain(value: unknown, path: Path): Node {
  return isScalar(value) ? value : unknownDifference(path);
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function unknownDifference(path: Path): never {
  throw new Error(`The chart has no expression for what differs at ${path.join('/')}.`);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
