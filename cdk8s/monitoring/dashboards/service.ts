import type { Board, Panel } from '../board.ts';
import { bounds } from '../bounds.ts';
import { highest, mean, orZero, perSecond, quantile } from '../promql.ts';
import { eventServices } from '../services.ts';
import { processRow } from './process.ts';

const own = 'service="$service"';
const third = { kind: 'graph', width: 8 } as const;
const quarter = { kind: 'graph', width: 6 } as const;
const requests = 'windlass_http_request_seconds';

const edge: readonly Panel[] = [
  {
    ...quarter,
    title: 'Requests',
    description: 'By route.',
    unit: 'reqps',
    queries: [
      {
        expr: perSecond(`${requests}_count`, ['method', 'route'], own),
        legend: '{{method}} {{route}}',
      },
    ],
  },
  {
    ...quarter,
    title: 'Errors',
    description: 'Share of the requests that ended with 5xx, refusals under overload included.',
    unit: 'percentunit',
    warnAt: 0.001,
    badAt: 0.01,
    alert: 'WindlassBudgetBurnsFast',
    queries: [
      {
        expr:
          `(${orZero(perSecond(`${requests}_count`, [], `${own},status="5xx"`))}) ` +
          `/ (${perSecond(`${requests}_count`, [], own)} > 0)`,
        legend: '5xx',
      },
    ],
  },
  {
    ...quarter,
    title: 'Duration',
    description: 'Of all requests; a read may wait for its order on purpose.',
    unit: 's',
    warnAt: 0.25,
    badAt: 1,
    queries: [0.5, 0.95, 0.99].map((share) => ({
      expr: quantile(share, requests, [], own),
      legend: `p${share * 100}`,
      exemplars: true,
    })),
  },
  {
    ...quarter,
    title: 'Refused under overload or while stopping',
    description: 'With 503 and Retry-After, to protect what was accepted.',
    unit: 'reqps',
    badAt: 0.1,
    alert: 'WindlassRequestsShed',
    queries: [
      { expr: perSecond('windlass_requests_shed_total', ['reason'], own), legend: '{{reason}}' },
    ],
  },
];

const inbox: readonly Panel[] = [
  {
    ...third,
    title: 'Events handled',
    description: 'Whose effects are committed, by type.',
    unit: 'ops',
    queries: [
      { expr: perSecond('windlass_events_consumed_total', ['type'], own), legend: '{{type}}' },
    ],
  },
  {
    ...third,
    title: 'Age of events when their effects are committed',
    description: 'From recording to commit. The objective is one second.',
    unit: 's',
    warnAt: 1,
    badAt: 10,
    alert: 'WindlassBudgetBurns',
    queries: [0.5, 0.99].map((share) => ({
      expr: quantile(share, 'windlass_event_age_seconds', ['stream'], own),
      legend: `{{stream}} p${share * 100}`,
      exemplars: true,
    })),
  },
  {
    ...third,
    title: 'Events without effect, and put aside',
    description: 'Duplicates are dropped by the inbox; stale ones came too late to matter.',
    unit: 'ops',
    queries: ['duplicate', 'stale', 'parked'].map((what) => ({
      expr: perSecond(`windlass_events_${what}_total`, [], own),
      legend: what,
    })),
  },
  {
    ...third,
    title: 'Events put aside now',
    description: 'They wait for one that is missing, and apply in order when it comes.',
    unit: 'none',
    warnAt: 1,
    alert: 'WindlassEventsParked',
    queries: [{ expr: highest('windlass_parked_events', [], own), legend: 'events' }],
  },
  {
    ...third,
    title: 'Events in a batch',
    description: 'Mean by lane. It grows with the load, and that makes an event cheaper.',
    unit: 'none',
    queries: [{ expr: mean('windlass_batch_events', ['lane'], own), legend: '{{lane}}' }],
  },
  {
    ...third,
    title: 'Duration of a batch (p99)',
    description: 'From taking a batch to its commit.',
    unit: 's',
    warnAt: 0.5,
    badAt: 5,
    queries: [
      { expr: quantile(0.99, 'windlass_batch_seconds', ['lane'], own), legend: '{{lane}}' },
    ],
  },
];

const outbox: readonly Panel[] = [
  {
    ...quarter,
    title: 'Events waiting in the outbox',
    description: 'Committed and not published. Commands are refused from 500 000 on.',
    unit: 'none',
    warnAt: 10_000,
    badAt: 100_000,
    alert: 'WindlassOutboxStuck',
    queries: [{ expr: highest('windlass_outbox_rows', [], own), legend: 'events' }],
  },
  {
    ...quarter,
    title: 'Age of the oldest',
    description: 'Below a second while NATS can be reached.',
    unit: 's',
    warnAt: 5,
    badAt: bounds.outboxOldestSeconds,
    alert: 'WindlassOutboxStuck',
    queries: [{ expr: highest('windlass_outbox_oldest_seconds', [], own), legend: 'age' }],
  },
  {
    ...quarter,
    title: 'Published, and to be repeated',
    description: 'A publish that fails is repeated until it is acknowledged.',
    unit: 'ops',
    queries: [
      {
        expr: perSecond('windlass_events_published_total', ['stream'], own),
        legend: '{{stream}}',
      },
      {
        expr: perSecond('windlass_publish_failures_total', ['stream'], own),
        legend: '{{stream}} failed',
      },
    ],
  },
  {
    ...quarter,
    title: 'Events published at once',
    description: 'Mean. From 16 on they go as one atomic batch.',
    unit: 'none',
    queries: [
      { expr: mean('windlass_publish_batch_events', ['stream'], own), legend: '{{stream}}' },
    ],
  },
];

const laneRow: readonly Panel[] = [
  {
    ...third,
    width: 12,
    title: 'Messages waiting, by lane',
    description: 'As the replicas saw it with the last message that they received.',
    unit: 'none',
    alert: 'WindlassConsumerStalled',
    queries: [
      {
        expr: highest('windlass_consumer_lag_messages', ['stream', 'lane'], own),
        legend: '{{stream}} {{lane}}',
      },
    ],
  },
  {
    ...third,
    width: 12,
    title: 'Messages delivered again, by lane',
    description: 'After a failure, a crash, or when handling took longer than ack_wait.',
    unit: 'ops',
    warnAt: bounds.redeliveriesMinPerSecond,
    alert: 'WindlassRedeliveries',
    queries: [
      {
        expr: perSecond('windlass_redeliveries_total', ['stream', 'lane'], own),
        legend: '{{stream}} {{lane}}',
      },
    ],
  },
];

const failures: readonly Panel[] = [
  {
    ...quarter,
    title: 'Failures of handlers',
    description: 'Transient ones are tried again; permanent ones become dead letters at once.',
    unit: 'ops',
    warnAt: 0.1,
    alert: 'WindlassRedeliveries',
    queries: [
      {
        expr: perSecond('windlass_handler_failures_total', ['consumer', 'class'], own),
        legend: '{{consumer}} {{class}}',
      },
    ],
  },
  {
    ...quarter,
    title: 'Dead letters in an hour',
    description: 'Messages given up, by reason.',
    unit: 'none',
    badAt: 1,
    alert: 'WindlassDeadLetters',
    queries: [
      {
        expr: `sum by (reason) (increase(windlass_dead_letters_total{${own}}[1h]))`,
        legend: '{{reason}}',
      },
    ],
  },
  {
    ...quarter,
    title: 'Circuit breaker, and effects that are due',
    description:
      'Breaker: 0 closed, 1 half-open, 2 open. Consumers pause from 2000 due effects on.',
    unit: 'none',
    badAt: bounds.effectsDue,
    alert: 'WindlassBreakerOpen',
    queries: [
      {
        expr: highest('windlass_breaker_state', ['breaker'], own),
        legend: 'breaker of {{breaker}}',
      },
      { expr: highest('windlass_effects_due', [], own), legend: 'due' },
    ],
  },
  {
    ...quarter,
    title: 'Replicas that are connected',
    description: 'By dependency, beside all replicas.',
    unit: 'none',
    alert: 'WindlassReplicaDisconnected',
    queries: [
      {
        expr: `sum by (dependency) (windlass_connection_up{${own}})`,
        legend: '{{dependency}}',
      },
      { expr: `count(windlass_outbox_rows{${own}})`, legend: 'replicas' },
    ],
  },
];

export const serviceBoard: Board = {
  name: 'service',
  title: 'Windlass: a service',
  description: 'Requests, inbox, outbox, lanes and failures of one service.',
  choice: {
    name: 'service',
    label: 'Service',
    values: eventServices.map(({ name }) => name),
  },
  traces: true,
  rows: [
    { title: 'Requests', panels: edge },
    { title: 'Inbox', panels: inbox },
    { title: 'Outbox', panels: outbox },
    { title: 'Lanes', panels: laneRow },
    { title: 'Failures', panels: failures },
    processRow(own, 'instance'),
  ],
};
