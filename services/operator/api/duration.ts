import { z } from 'zod';

const number = String.raw`([0-9]+(\.[0-9]*)?|\.[0-9]+)`;

/**
 * A duration as Go writes it, and days besides: `1h30m`, `500ms`, `7d`. Empty and `0` mean that
 * there is none, as in NACK.
 */
export const duration = z
  .string()
  .max(64)
  .regex(new RegExp(`^(|0|(${number}(ns|us|µs|ms|s|m|h|d))+)$`))
  .meta({ sentence: 'A duration is a number with a unit, or several: 500ms, 1h30m, 7d.' });

/** Only what CEL's `duration()` reads as well, so that a rule can compare it. Never empty. */
export const comparableDuration = z
  .string()
  .max(64)
  .regex(/^([0-9]+(ms|s|m|h))+$/)
  .meta({ sentence: 'A duration here is whole numbers with the units h, m, s or ms: 720h.' });

const nanosecondsIn: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
  d: 86_400e9,
};

/**
 * Zero for the empty duration. Exact for whole seconds of any length, and for anything shorter
 * than 104 days. The text must have passed one of the schemas of this file.
 */
export function nanosecondsOf(text: string): number {
  const parts = text.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h|d)/g);
  const sum = [...parts].reduce(
    (total, [, amount, unit = '']) => total + Number(amount) * (nanosecondsIn[unit] ?? 0),
    0,
  );
  return Math.round(sum);
}

export function millisecondsOf(text: string): number {
  return nanosecondsOf(text) / 1e6;
}
