/** What the platform must reach, as ratios: every denominator is measured in the same run. */
export const ratios = {
  terminalOverHttp: {
    title: 'orders settled ÷ requests of a bare HTTP server',
    atLeast: 0.12,
    goal: 0.18,
  },
  acceptedOverHttp: { title: 'orders accepted ÷ requests of a bare HTTP server', atLeast: 0.35 },
  writerOverTransaction: {
    title: 'order writer ÷ a transaction for each order',
    atLeast: 3,
    goal: 4,
  },
  relayOverAwaitedPublish: { title: 'relay ÷ awaited publish, window 256', atLeast: 5 },
  lowLoadP50OverFloor: { title: 'accept to CONFIRMED at low load, p50 ÷ floor', atMost: 3 },
  lowLoadP99OverFloor: { title: 'accept to CONFIRMED at low load, p99 ÷ floor', atMost: 10 },
  p99HalfOverLight: { title: 'p99 at 50 % of the peak ÷ p99 at 5 %', atMost: 5 },
  telemetryCpu: { title: 'CPU of the services with telemetry ÷ without', atMost: 1.1 },
  overloadGoodput: { title: 'settled at 3 × the peak ÷ peak', atLeast: 0.8 },
} as const satisfies Record<string, Target>;

export type RatioName = keyof typeof ratios;
export const ratioNames: readonly RatioName[] = [
  'terminalOverHttp',
  'acceptedOverHttp',
  'writerOverTransaction',
  'relayOverAwaitedPublish',
  'lowLoadP50OverFloor',
  'lowLoadP99OverFloor',
  'p99HalfOverLight',
  'telemetryCpu',
  'overloadGoodput',
];

export interface Target {
  readonly title: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly goal?: number;
}

export type Verdict = 'goal reached' | 'reached' | 'MISSED' | 'not measured';

export function verdictOf(target: Target, value: number | undefined): Verdict {
  if (value === undefined || Number.isNaN(value)) return 'not measured';
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY, goal } = target;
  if (value < atLeast || value > atMost) return 'MISSED';
  return goal !== undefined && value >= goal ? 'goal reached' : 'reached';
}

/** `≥ 3`, `≤ 1.1`. */
export function wordOf({ atLeast, atMost }: Target): string {
  return atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
}
