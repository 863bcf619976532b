/** How long each part takes. The whole bench has to end within twelve minutes. */
export interface Durations {
  /** Before anything is measured: just-in-time compilation, caches, connections. */
  readonly warmMs: number;
  /** Every run whose rate is measured. */
  readonly runMs: number;
  readonly httpMs: number;
  /** Of each of the three floors, before and again after the low load. */
  readonly floorMs: number;
  readonly lowLoadMs: number;
  readonly latencyMs: number;
  readonly overloadMs: number;
  readonly rounds: number;
  readonly writerRoundMs: number;
  readonly relayEvents: number;
  readonly awaitedMs: number;
  readonly telemetryRoundMs: number;
}

export const full: Durations = {
  warmMs: 6_000,
  runMs: 12_000,
  httpMs: 4_000,
  floorMs: 2_000,
  lowLoadMs: 30_000,
  latencyMs: 15_000,
  overloadMs: 30_000,
  rounds: 5,
  writerRoundMs: 2_000,
  relayEvents: 20_000,
  awaitedMs: 2_000,
  telemetryRoundMs: 5_000,
};

/** Shows that everything works; its figures mean little. */
export const quick: Durations = {
  warmMs: 3_000,
  runMs: 4_000,
  httpMs: 1_500,
  floorMs: 500,
  lowLoadMs: 6_000,
  latencyMs: 4_000,
  overloadMs: 6_000,
  rounds: 2,
  writerRoundMs: 700,
  relayEvents: 5_000,
  awaitedMs: 700,
  telemetryRoundMs: 2_000,
};
