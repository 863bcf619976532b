import type { Board, Panel, Row } from '../board.ts';
import { bounds } from '../bounds.ts';
import { highest, orZero, perSecond, quantile } from '../promql.ts';
import { burnRate } from '../rules/objectives.ts';
import { eventServices } from '../services.ts';
import { processRow } from './process.ts';

const services = `service=~"${eventServices.map(({ name }) => name).join('|')}"`;
const api = eventServices.filter(({ role }) => role === 'api').map(({ name }) => name);
const commands = `service=~"${api.join('|')}",method!="GET"`;
const stat = { kind: 'stat', width: 4 } as const;
const graph = { kind: 'graph', width: 12 } as const;

const orders: readonly Panel[] = [
  {
    ...stat,
    title: 'Commands answered',
    description: 'Commands that the API accepted or refused for good.',
    unit: 'reqps',
    queries: [
      {
        expr: perSecond('windlass_http_request_seconds_count', [], `${commands},status!="5xx"`),
        legend: 'commands',
      },
    ],
  },
  {
    ...stat,
    title: 'Orders settled',
    description: 'Orders that reached a state in which they wait for nobody.',
    unit: 'ops',
    queries: [{ expr: perSecond('windlass_settled_seconds_count'), legend: 'orders' }],
  },
  {
    ...stat,
    title: 'Time to settle (p99)',
    description: 'From accepting an order to its settled state.',
    unit: 's',
    warnAt: 5,
    badAt: 60,
    queries: [{ expr: quantile(0.99, 'windlass_settled_seconds'), legend: 'p99' }],
  },
  {
    ...stat,
    title: 'Dead letters in an hour',
    description: 'Messages that were given up and wait for somebody.',
    unit: 'none',
    badAt: 1,
    alert: 'WindlassDeadLetters',
    queries: [{ expr: 'sum(increase(windlass_dead_letters_total[1h]))', legend: 'messages' }],
  },
  {
    ...stat,
    title: 'Oldest unpublished event',
    description: 'Over all outboxes. It is below a second while NATS can be reached.',
    unit: 's',
    warnAt: 5,
    badAt: bounds.outboxOldestSeconds,
    alert: 'WindlassOutboxStuck',
    queries: [{ expr: highest('windlass_outbox_oldest_seconds'), legend: 'age' }],
  },
  {
    ...stat,
    title: 'Alerts that fire',
    description: 'Of this platform. Each has a section in the runbook.',
    unit: 'none',
    badAt: 1,
    queries: [
      {
        expr: orZero('count(ALERTS{alertname=~"Windlass.+",alertstate="firing"})'),
        legend: 'alerts',
      },
    ],
  },
];

const promises: readonly Panel[] = [
  {
    ...graph,
    title: 'Speed at which the error budgets are used',
    description:
      '1 uses a budget up in exactly 30 days. From 14.4 on, over an hour, somebody is woken.',
    unit: 'none',
    warnAt: 1,
    badAt: 14.4,
    alert: 'WindlassBudgetBurnsFast',
    queries: [{ expr: burnRate, legend: '{{service}} {{slo}}' }],
  },
  {
    ...graph,
    title: 'Age of events when their effects are committed (p99)',
    description: 'From recording an event to committing what follows from it, by consumer.',
    unit: 's',
    warnAt: 1,
    badAt: 10,
    alert: 'WindlassBudgetBurns',
    queries: [
      {
        expr: quantile(0.99, 'windlass_event_age_seconds', ['service']),
        legend: '{{service}}',
        exemplars: true,
      },
    ],
  },
  {
    ...graph,
    title: 'Answers of the API',
    description: 'By class. 5xx are our failures and refusals under overload.',
    unit: 'reqps',
    queries: [
      {
        expr: perSecond('windlass_http_request_seconds_count', ['service', 'status'], services),
        legend: '{{service}} {{status}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Duration of commands',
    description: 'Reads are left out: they may wait for their order on purpose.',
    unit: 's',
    warnAt: 0.25,
    badAt: 1,
    queries: [0.5, 0.99].map((share) => ({
      expr: quantile(share, 'windlass_http_request_seconds', [], commands),
      legend: `p${share * 100}`,
      exemplars: true,
    })),
  },
];

const flow: readonly Panel[] = [
  {
    ...graph,
    title: 'Events published',
    description: 'Acknowledged by JetStream, by stream.',
    unit: 'ops',
    queries: [
      { expr: perSecond('windlass_events_published_total', ['stream']), legend: '{{stream}}' },
    ],
  },
  {
    ...graph,
    title: 'Events handled',
    description: 'Effects committed, by consumer and stream.',
    unit: 'ops',
    queries: [
      {
        expr: perSecond('windlass_events_consumed_total', ['service', 'stream']),
        legend: '{{service}} of {{stream}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Messages waiting',
    description: 'As the replicas saw it with the last message that they received.',
    unit: 'none',
    alert: 'WindlassBacklogDrainsSlowly',
    queries: [
      {
        expr: highest('windlass_consumer_lag_messages', ['service', 'stream', 'lane']),
        legend: '{{service}} of {{stream}} {{lane}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Circuit breakers and connections',
    description: 'Breakers: 0 closed, 1 half-open, 2 open. Connections: replicas without one.',
    unit: 'none',
    warnAt: 1,
    badAt: 2,
    alert: 'WindlassBreakerOpen',
    queries: [
      {
        expr: highest('windlass_breaker_state', ['service', 'breaker']),
        legend: 'breaker {{service}} → {{breaker}}',
      },
      {
        expr: 'sum by (service) (1 - windlass_connection_up)',
        legend: 'disconnected {{service}}',
      },
    ],
  },
];

const rows: readonly Row[] = [
  { title: 'Orders', panels: orders },
  { title: 'What is promised', panels: promises },
  { title: 'Events', panels: flow },
  processRow(services, 'service'),
];

export const overviewBoard: Board = {
  name: 'overview',
  title: 'Windlass: overview',
  description: 'Whether customers are served, and where to look when they are not.',
  traces: true,
  rows,
};
