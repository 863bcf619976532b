import { service } from '@windlass/operator/service.ts';
import type { Board, Panel } from '../board.ts';
import { highest, orZero, perSecond, quantile } from '../promql.ts';
import { processRow } from './process.ts';

const stat = { kind: 'stat', width: 6 } as const;
const graph = { kind: 'graph', width: 8 } as const;
const half = { kind: 'graph', width: 12 } as const;
/** What counts only what goes wrong, or is rare, has no series before. */
const rarely = (metric: string, label: string) => [
  { expr: orZero(perSecond(metric, [label])), legend: `{{${label}}}` },
];

const state: readonly Panel[] = [
  {
    ...stat,
    title: 'Leaders',
    description: 'Exactly one replica leads; for a moment there may be none.',
    unit: 'none',
    badBelow: 1,
    alert: 'WindlassOperatorWithoutLeader',
    queries: [{ expr: 'sum(windlass_operator_leader)', legend: 'leaders' }],
  },
  {
    ...stat,
    title: 'Objects that are not ready',
    description: 'Their conditions say why.',
    unit: 'none',
    warnAt: 1,
    alert: 'WindlassObjectsNotReady',
    queries: [
      {
        expr: `sum(${highest('windlass_operator_objects', ['kind'], 'ready="false"')})`,
        legend: 'objects',
      },
    ],
  },
  {
    ...stat,
    title: 'Objects that are ready',
    description: 'NATS is as they want it.',
    unit: 'none',
    queries: [
      {
        expr: `sum(${highest('windlass_operator_objects', ['kind'], 'ready="true"')})`,
        legend: 'objects',
      },
    ],
  },
  {
    ...stat,
    title: 'Objects waiting for their turn',
    description: 'It is near zero: work takes milliseconds.',
    unit: 'none',
    warnAt: 50,
    queries: [{ expr: 'sum(windlass_operator_queue_depth)', legend: 'objects' }],
  },
];

const work: readonly Panel[] = [
  {
    ...graph,
    title: 'Reconciliations',
    description: 'By kind and result.',
    unit: 'ops',
    queries: [
      {
        expr: perSecond('windlass_operator_reconcile_seconds_count', ['kind', 'result']),
        legend: '{{kind}} {{result}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Duration of a reconciliation (p99)',
    description: 'From taking an object off the queue to its written status.',
    unit: 's',
    warnAt: service.objectives.handledWithinSeconds,
    badAt: service.objectives.handledWithinSeconds * 10,
    alert: 'WindlassBudgetBurns',
    queries: [
      {
        expr: quantile(0.99, 'windlass_operator_reconcile_seconds', ['kind']),
        legend: '{{kind}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Reconciliations that failed',
    description: 'They come again, later each time.',
    unit: 'ops',
    warnAt: 0.01,
    alert: 'WindlassOperatorRetries',
    queries: rarely('windlass_operator_retries_total', 'kind'),
  },
  {
    ...graph,
    title: 'Statuses written',
    description: 'Once for each change of what is true.',
    unit: 'ops',
    queries: [
      { expr: perSecond('windlass_operator_status_writes_total', ['kind']), legend: '{{kind}}' },
    ],
  },
  {
    ...graph,
    title: 'Foreign changes undone',
    description: 'Somebody changes in NATS what an object says otherwise.',
    unit: 'ops',
    warnAt: 0.01,
    queries: rarely('windlass_operator_drift_repaired_total', 'kind'),
  },
  {
    ...graph,
    title: 'Steps of rolls, scalings and reloads',
    description: 'What touches running servers or their data.',
    unit: 'ops',
    queries: rarely('windlass_operator_roll_steps_total', 'step'),
  },
];

const kubernetes: readonly Panel[] = [
  {
    ...half,
    title: 'Requests to the API server',
    description: 'By verb and code; code none had no answer.',
    unit: 'reqps',
    queries: [
      {
        expr: perSecond('windlass_operator_api_calls_total', ['verb', 'code']),
        legend: '{{verb}} {{code}}',
      },
    ],
  },
  {
    ...half,
    title: 'Duration of requests to the API server (p99)',
    description: 'Watches are left out.',
    unit: 's',
    warnAt: 0.5,
    badAt: 5,
    queries: [
      { expr: quantile(0.99, 'windlass_operator_api_call_seconds', ['verb']), legend: '{{verb}}' },
    ],
  },
  {
    ...graph,
    title: 'Watches begun again',
    description: 'The API server ends them now and then; what was missed is listed.',
    unit: 'ops',
    queries: rarely('windlass_operator_watch_restarts_total', 'resource'),
  },
  {
    ...graph,
    title: 'Changes that a watch had missed',
    description: 'Found by a list.',
    unit: 'ops',
    queries: rarely('windlass_operator_relist_misses_total', 'resource'),
  },
  {
    ...graph,
    title: 'Requests for external metrics',
    description: 'Autoscalers ask what consumers are behind. By the code of the answer.',
    unit: 'reqps',
    queries: rarely('windlass_operator_lag_requests_total', 'code'),
  },
];

const jetStream: readonly Panel[] = [
  {
    ...half,
    title: 'Requests to JetStream',
    description: 'By outcome.',
    unit: 'reqps',
    queries: [
      {
        expr: perSecond('windlass_operator_jetstream_calls_total', ['api', 'outcome']),
        legend: '{{api}} {{outcome}}',
      },
    ],
  },
  {
    ...half,
    title: 'Duration of requests to JetStream (p99)',
    description: 'By what was asked for.',
    unit: 's',
    warnAt: 0.5,
    badAt: 5,
    queries: [
      {
        expr: quantile(0.99, 'windlass_operator_jetstream_call_seconds', ['api']),
        legend: '{{api}}',
      },
    ],
  },
];

export const operatorBoard: Board = {
  name: 'operator',
  title: 'Windlass: the operator',
  description: 'Whether NATS is as its objects want it, and what the operator does about it.',
  rows: [
    { title: 'State', panels: state },
    { title: 'Work', panels: work },
    { title: 'Kubernetes', panels: kubernetes },
    { title: 'JetStream', panels: jetStream },
    processRow(`service="${service.name}"`, 'instance'),
  ],
};
