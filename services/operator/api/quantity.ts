import { z } from 'zod';

const pattern = /^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

/** A quantity of Kubernetes: `10Gi`, `500M`, `1.5`, or a plain number. */
export const quantity = z.union([z.int(), z.string().max(32).regex(pattern)]).meta({
  'x-kubernetes-int-or-string': true,
  sentence: 'A quantity is a number, or a number with a unit: 500M, 10Gi.',
});

/** A size in whole bytes; -1 is no limit. NACK takes plain numbers only. */
export const bytes = z
  .union([
    z.int().min(-1),
    z
      .string()
      .max(32)
      .regex(/^(-1|[0-9]+(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/),
  ])
  .meta({
    'x-kubernetes-int-or-string': true,
    sentence: 'A size is a whole number, or one with a unit: 500M, 10Gi; -1 is no limit.',
  });

const factors: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The value as a number; a size in bytes, for example. */
export function numberOf(value: z.output<typeof quantity>): number {
  if (typeof value === 'number') return value;
  const [, amount, unit = ''] = /^(-?[0-9.]+)([a-zA-Z]*)$/.exec(value) ?? [];
  return Number(amount) * (factors[unit] ?? Number.NaN);
}
