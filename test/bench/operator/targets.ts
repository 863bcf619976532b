import type { Target } from '../ratios.ts';

/** What the operator must reach; ratios have their denominator from the same run. */
export const targets = {
  convergeOverBare: {
    title: '3 000 assets from cold ÷ a bare client with 16 in flight',
    atMost: 3,
  },
  apiCallsPerObject: { title: 'requests to the API server for each object', atMost: 4 },
  jetStreamCallsPerObject: { title: 'requests to JetStream for each object', atMost: 3 },
  reconcileOverRoundTrip: {
    title: 'reconcile p99 ÷ a round trip to the API server, both while converging',
    atMost: 10,
  },
  repairP99Seconds: { title: 'repair of a deleted stream, p99 in seconds', atMost: 2 },
  quietWrites: { title: 'writes in three resyncs without traffic', atMost: 0 },
  statusWritesPerMinute: {
    title: 'status writes for each object and minute, under traffic',
    atMost: 1,
  },
  memoryMiB: { title: 'memory at 3 000 objects, in MiB', atMost: 200 },
  failedPublishes: { title: 'failed publishes while a loaded cluster of 3 rolls', atMost: 0 },
  rolledWhileBehind: { title: 'servers stopped while another was behind', atMost: 0 },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
