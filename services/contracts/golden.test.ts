import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { streams } from './streams.ts';

const directory = new URL('./golden/', import.meta.url);
const events = streams.flatMap((stream) => stream.events);
const nameOf = ({ type, version }: { type: string; version: number }) => `${type}.v${version}.json`;

const readGolden = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(name, directory), 'utf8'));

test('every version of every event has a golden sample, and no sample is left over', () => {
  expect(readdirSync(directory).sort()).toEqual(events.map(nameOf).sort());
});

describe.each(events.map((event) => [nameOf(event), event] as const))('%s', (name, event) => {
  test('parses to what it says', () => {
    expect(event.data.parse(readGolden(name))).toEqual(readGolden(name));
  });

  test('parses with a field that a later release adds', () => {
    expect(event.data.safeParse({ ...readGolden(name), added: 'later' }).success).toBe(true);
  });

  test('is refused without its key', () => {
    const { [event.key]: _, ...rest } = readGolden(name);
    expect(event.data.safeParse(rest).success).toBe(false);
  });
});
