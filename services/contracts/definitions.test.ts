import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineService } from './service.ts';
import { defineStream } from './stream.ts';

const data = z.object({ parcelId: z.string() });
const sent = defineEvent({ type: 'parcels.sent', version: 1, key: 'parcelId', data });
const plain = {
  name: 'parcel',
  port: 8095,
  role: 'worker',
  database: true,
  consumes: [],
  publishes: [],
  calls: [],
  resources: { cpuMillis: 100, memoryMiB: 64 },
  scaling: { replicasMin: 1, replicasMax: 2, lagPerReplica: 100 },
  objectives: { handledWithinSeconds: 1, ratio: 0.9 },
} as const;

describe('an event', () => {
  test.each(['parcels.Sent', 'parcels.sent-', 'parcels.sent.twice', 'p4.sent'] as const)(
    'cannot be called %s, which is no subject',
    (type) => {
      expect(() => defineEvent({ type, version: 1, key: 'parcelId', data })).toThrow(/look like/);
    },
  );

  test.each([0, 1.5])('cannot have the version %s', (version) => {
    expect(() => defineEvent({ ...sent, version })).toThrow(/whole number from 1/);
  });

  test('names its aggregate by a field that it has', () => {
    expect(() => defineEvent({ ...sent, data: z.object({}) as typeof data })).toThrow(
      /not a field/,
    );
  });
});

describe('a stream', () => {
  test('holds the events of its own context only', () => {
    expect(() => defineStream({ name: 'ORDERS', events: [sent] })).toThrow(/cannot hold/);
  });

  test('holds each version of an event once', () => {
    const later = defineEvent({ ...sent, version: 2 });
    expect(defineStream({ name: 'PARCELS', events: [sent, later] }).events).toHaveLength(2);
    expect(() => defineStream({ name: 'PARCELS', events: [sent, sent] })).toThrow(/twice/);
  });
});

describe('a service', () => {
  test.each(['', 'Parcel', '-parcel', 'p'.repeat(32)])('cannot be called "%s"', (name) => {
    expect(() => defineService({ ...plain, name })).toThrow(/cannot name a service/);
  });

  test('does not scale to less than its least', () => {
    const scaling = { ...plain.scaling, replicasMin: 3 };
    expect(() => defineService({ ...plain, scaling })).toThrow(/greater/);
  });

  test('has a database when it has events', () => {
    const bare = { ...plain, database: false };
    expect(defineService(bare).name).toBe('parcel');
    expect(() => defineService({ ...bare, publishes: [sent] })).toThrow(/need a database/);
  });
});
