import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import type { Board, Panel, Row } from '../board.ts';
import { bounds } from '../bounds.ts';
import { mean, perSecond, quantile } from '../promql.ts';
import { eventServices, streamsOf } from '../services.ts';

const graph = { kind: 'graph', width: 8 } as const;
const shares = [0.5, 0.99] as const;

/** Accepting: what the customer waits for. */
function acceptance({ name }: ServiceDefinition): Row {
  const own = `service="${name}"`;
  const panels: readonly Panel[] = [
    {
      ...graph,
      title: 'Accepting a command',
      description: 'From the header of the request to the end of the answer. Points are traces.',
      unit: 's',
      warnAt: 0.25,
      badAt: 1,
      alert: 'WindlassBudgetBurnsFast',
      queries: shares.map((share) => ({
        expr: quantile(share, 'windlass_http_request_seconds', [], `${own},method!="GET"`),
        legend: `p${share * 100}`,
        exemplars: true,
      })),
    },
    {
      ...graph,
      title: 'Commands written at once',
      description: 'Many requests share one statement. It grows with the load.',
      unit: 'none',
      queries: [{ expr: mean('windlass_writer_batch_commands', [], own), legend: 'mean' }],
    },
    {
      ...graph,
      title: 'Commands waiting for the next batch',
      description: 'New commands are refused from 2000 on.',
      unit: 'none',
      warnAt: 500,
      badAt: 2_000,
      alert: 'WindlassRequestsShed',
      queries: [
        {
          expr: `sum by (instance) (windlass_writer_queue_commands{${own}})`,
          legend: '{{instance}}',
        },
      ],
    },
  ];
  return { title: `1. ${name} accepts the order`, panels };
}

/** One hop: an event of a stream until its effects are committed by a consumer. */
function hop({ name, objectives }: ServiceDefinition, stream: string): Panel {
  const matchers = `service="${name}",stream="${stream}"`;
  return {
    ...graph,
    title: `${stream} → ${name}`,
    description: `From recording an event of ${stream} to committing its effects in ${name}.`,
    unit: 's',
    warnAt: objectives.handledWithinSeconds,
    badAt: objectives.handledWithinSeconds * 10,
    alert: 'WindlassBudgetBurns',
    queries: shares.map((share) => ({
      expr: quantile(share, 'windlass_event_age_seconds', [], matchers),
      legend: `p${share * 100}`,
      exemplars: true,
    })),
  };
}

const publishing: Panel = {
  ...graph,
  title: 'Events waiting in the outboxes',
  description: 'Age of the oldest one. It is near zero while NATS can be reached.',
  unit: 's',
  warnAt: 5,
  badAt: bounds.outboxOldestSeconds,
  alert: 'WindlassOutboxStuck',
  queries: [
    {
      expr: 'max by (service) (windlass_outbox_oldest_seconds)',
      legend: '{{service}}',
    },
  ],
};

const outside: readonly Panel[] = [
  {
    ...graph,
    width: 12,
    title: 'Calls to the payment provider',
    description: 'By what was asked for and what came of it.',
    unit: 'ops',
    alert: 'WindlassBreakerOpen',
    queries: [
      {
        expr: perSecond('windlass_effect_seconds_count', ['kind', 'outcome']),
        legend: '{{kind}} {{outcome}}',
      },
    ],
  },
  {
    ...graph,
    width: 12,
    title: 'Duration of a call',
    description: 'The provider is slow when half of the time-out is not enough.',
    unit: 's',
    warnAt: 1,
    badAt: 4,
    alert: 'WindlassEffectsOverdue',
    queries: shares.map((share) => ({
      expr: quantile(share, 'windlass_effect_seconds', ['kind']),
      legend: `{{kind}} p${share * 100}`,
    })),
  },
];

const settled: readonly Panel[] = [
  {
    ...graph,
    width: 12,
    title: 'From acceptance to the settled state',
    description: 'By the state. Points are traces of single orders.',
    unit: 's',
    warnAt: 5,
    badAt: 60,
    queries: shares.map((share) => ({
      expr: quantile(share, 'windlass_settled_seconds', ['status']),
      legend: `{{status}} p${share * 100}`,
      exemplars: true,
    })),
  },
  {
    ...graph,
    width: 12,
    title: 'Orders settled',
    description: 'By the state. Rejected: no stock. Cancelled: asked for, declined or overdue.',
    unit: 'ops',
    queries: [
      { expr: perSecond('windlass_settled_seconds_count', ['status']), legend: '{{status}}' },
    ],
  },
];

const hops = eventServices.flatMap((definition) =>
  streamsOf(definition).map((stream) => hop(definition, stream)),
);

export const orderJourneyBoard: Board = {
  name: 'order-journey',
  title: 'Windlass: the journey of an order',
  description: 'Each part of the way of an order, in its order, with traces of single ones.',
  traces: true,
  rows: [
    ...eventServices.filter(({ role }) => role === 'api').map(acceptance),
    { title: '2. Events are published, and take effect', panels: [publishing, ...hops] },
    { title: '3. The provider is called', panels: outside },
    { title: '4. The order is settled', panels: settled },
  ],
};
