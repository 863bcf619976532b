import { z } from 'zod';

/** One CEL rule of an `x-kubernetes-validations` list; `self` is the value it stands beside. */
export interface Rule {
  readonly rule: string;
  /** One sentence: it is all that somebody sees whose object is refused. */
  readonly message: string;
  /** The field that the refusal names, from `self` on: `.storage`. */
  readonly fieldPath?: string;
  /**
   * The same with the field as `self`. It is used where the field is always there: the API server
   * evaluates every rule at every write of a status, and looks a field of a large object up slowly.
   */
  readonly ofField?: string;
}

/**
 * The field keeps the value, or the absence, that the object was created with. `none` is the
 * value, in CEL, that means the same as absence.
 */
export function immutable(field: string, message: string, none?: "''" | '0'): Rule {
  const value = (of: string) => `(has(${of}.${field}) ? ${of}.${field} : ${none})`;
  const rule =
    none === undefined
      ? `has(self.${field}) == has(oldSelf.${field}) && ` +
        `(!has(self.${field}) || self.${field} == oldSelf.${field})`
      : `${value('self')} == ${value('oldSelf')}`;
  return { rule, message, fieldPath: `.${field}`, ofField: 'self == oldSelf' };
}

/** A boolean with a default that may become true, and then stays true. */
export function oneWay(field: string): Rule {
  return {
    rule: `!oldSelf.${field} || self.${field}`,
    message: `${field} cannot be switched off again: the server has no way back.`,
    fieldPath: `.${field}`,
    ofField: '!oldSelf || self',
  };
}

export function oneOf(field: string, values: readonly number[], message: string): Rule {
  return {
    rule: `!has(self.${field}) || self.${field} in [${values.join(', ')}]`,
    message,
    fieldPath: `.${field}`,
    ofField: `self in [${values.join(', ')}]`,
  };
}

export const replicas = z.int().min(1).max(5).default(1);
/** An even number of replicas survives no more losses than one replica less. */
export const replicasRule = oneOf(
  'replicas',
  [1, 3, 5],
  'replicas is 1, 3 or 5: an even number survives no more losses than one less.',
);
