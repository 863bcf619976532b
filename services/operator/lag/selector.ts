/** Values of each label; a label with several values is equal to each of them. */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

interface Requirement {
  readonly key: string;
  readonly isMet: (values: readonly string[]) => boolean;
}

const charactersMax = 4_096;
const requirementsMax = 64;
const key = '[A-Za-z0-9]([A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?';
/**
 * JetStream allows more characters than a label value of Kubernetes, which HPAs of autoscaling/v2
 * do not check: whatever separates requirements is all that cannot be in one.
 */
const value = '[^\\s,()=!]{0,253}';
const existence = new RegExp(`^(!?)\\s*(${key})$`);
const equality = new RegExp(`^(${key})\\s*(==?|!=)\\s*(${value})$`);
const membership = new RegExp(
  `^(${key})\\s+(in|notin)\\s*\\(\\s*(${value}(?:\\s*,\\s*${value})*)\\s*\\)$`,
);

/** What a client sent that is no selector; its message is for the client. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/**
 * A label selector as the API server writes it: `a=b,c!=d,e in (f,g),h,!i`. An empty one matches
 * everything. Throws SelectorError.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api
 */
export function selectorOf(text: string): (labels: LabelValues) => boolean {
  if (text.length > charactersMax) throw new SelectorError('the label selector is too long');
  const parts = text.trim() === '' ? [] : splitOutsideParentheses(text);
  if (parts.length > requirementsMax) {
    throw new SelectorError(`a label selector has at most ${requirementsMax} requirements`);
  }
  const requirements = parts.map(requirementOf);
  return (labels) => requirements.every(({ key, isMet }) => isMet(valuesOf(labels, key)));
}

function valuesOf(labels: LabelValues, key: string): readonly string[] {
  return Object.hasOwn(labels, key) ? (labels[key] ?? []) : [];
}

function requirementOf(text: string): Requirement {
  const equal = equality.exec(text);
  if (equal !== null) {
    const [, key = '', , operator, wanted = ''] = equal;
    const isNegated = operator === '!=';
    return { key, isMet: (values) => values.includes(wanted) !== isNegated };
  }
  const member = membership.exec(text);
  if (member !== null) {
    const [, key = '', , operator, list = ''] = member;
    const wanted = new Set(list.split(',').map((each) => each.trim()));
    const isNegated = operator === 'notin';
    return { key, isMet: (values) => values.some((each) => wanted.has(each)) !== isNegated };
  }
  const exists = existence.exec(text);
  if (exists === null) throw new SelectorError('the label selector cannot be parsed');
  const [, absent, key = ''] = exists;
  return { key, isMet: (values) => values.length > 0 === (absent === '') };
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((part) => part.trim());
}
