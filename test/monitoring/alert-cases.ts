/** Time series, in the notation of promtool: `0+2x10` is 0, 2, 4, … 20. */
type Series = Readonly<Record<string, string>>;

export interface Situation {
  readonly series: Series;
  /** When one looks. */
  readonly at: string;
  /** Labels of the alerts that fire then, without the name. None: it is quiet. */
  readonly firing?: readonly Readonly<Record<string, string>>[];
}

export interface AlertCases {
  readonly fires: readonly Situation[];
  readonly quiet: readonly Situation[];
  /** Between two samples, and two evaluations. @default 1m */
  readonly every?: string;
}

const page = { severity: 'page' } as const;
const ticket = { severity: 'ticket' } as const;

/** Events of a consumer: so many each time, and so many of them within a second. */
function aged(all: number, good: number, times: number, service = 'inventory'): Series {
  const labels = `service="${service}",stream="ORDERS",instance="a"`;
  return {
    [`windlass_event_age_seconds_count{${labels}}`]: `0+${all}x${times}`,
    [`windlass_event_age_seconds_bucket{${labels},le="1"}`]: `0+${good}x${times}`,
    [`windlass_event_age_seconds_bucket{${labels},le="+Inf"}`]: `0+${all}x${times}`,
  };
}

/** Commands of the API: by how they ended, and how many of the accepted took at most a second. */
function commands(ended: Readonly<Record<string, number>>, fast: number, times: number): Series {
  const labels = 'service="order",route="/v1/orders",method="POST"';
  const series = Object.entries(ended).flatMap(([status, each]) => {
    const good = status === '2xx' ? fast : each;
    const name = 'windlass_http_request_seconds';
    return [
      [`${name}_count{${labels},status="${status}"}`, `0+${each}x${times}`],
      [`${name}_bucket{${labels},status="${status}",le="1.0"}`, `0+${good}x${times}`],
    ];
  });
  return Object.fromEntries(series);
}

function reconciled(all: number, good: number, times: number): Series {
  const labels = 'service="operator",kind="Stream",result="done"';
  return {
    [`windlass_operator_reconcile_seconds_count{${labels}}`]: `0+${all}x${times}`,
    [`windlass_operator_reconcile_seconds_bucket{${labels},le="2"}`]: `0+${good}x${times}`,
  };
}

const durable = 'namespace="windlass",stream="ORDERS",consumer="inventory-standard"';
const handledBy = 'windlass_event_age_seconds_count{service="inventory",stream="ORDERS"}';
const waiting = (pending: string, underWay: string, handled: string): Series => ({
  [`windlass_nats_consumer_pending_messages{${durable},instance="a"}`]: pending,
  [`windlass_nats_consumer_ack_pending_messages{${durable},instance="a"}`]: underWay,
  [handledBy]: handled,
});
const consumer = { service: 'inventory', stream: 'ORDERS' } as const;
const redelivered = (again: string, handled: string): Series => ({
  'windlass_redeliveries_total{service="inventory",stream="ORDERS",lane="standard"}': again,
  [handledBy]: handled,
});
const letters = (values: string): Series => ({
  'windlass_dead_letters_total{service="order",consumer="order-hot",reason="orphan"}': values,
});
const up = (values: Readonly<Record<string, string>>): Series =>
  Object.fromEntries(
    Object.entries(values).map(([service, course]) => [
      `windlass_connection_up{service="${service}",dependency="nats",instance="a"}`,
      course,
    ]),
  );
const shed = (reason: string): Series => ({
  [`windlass_requests_shed_total{service="order",reason="${reason}"}`]: '0+6x20',
});
const breaker = (values: string): Series => ({
  'windlass_breaker_state{service="payment",breaker="provider"}': values,
});
const due = (values: string): Series => ({ 'windlass_effects_due{service="payment"}': values });
const cluster = 'namespace="windlass",cluster="nats"';
const members = (wanted: string, ready: string): Series => ({
  [`windlass_nats_cluster_members{${cluster}}`]: wanted,
  [`windlass_nats_cluster_ready_members{${cluster}}`]: ready,
});
const server = `${cluster},server="nats-0"`;
const onServer = { namespace: 'windlass', cluster: 'nats', server: 'nats-0' } as const;
const storage = (used: string, limit: string): Series => ({
  [`windlass_nats_server_storage_bytes{${server}}`]: used,
  [`windlass_nats_server_storage_limit_bytes{${server}}`]: limit,
});
const leaders = (first: string, second: string): Series => ({
  'windlass_operator_leader{service="operator",instance="a"}': first,
  'windlass_operator_leader{service="operator",instance="b"}': second,
});
const retries = (values: string): Series => ({
  'windlass_operator_retries_total{service="operator",kind="Stream",instance="a"}': values,
});
const unready = (values: string): Series => ({
  'windlass_operator_objects{service="operator",kind="Stream",ready="false"}': values,
});
const scaled = (namespace: string, present: string): Series => {
  const labels = `namespace="${namespace}",horizontalpodautoscaler="order"`;
  return {
    [`kube_horizontalpodautoscaler_status_current_replicas{${labels}}`]: present,
    [`kube_horizontalpodautoscaler_spec_max_replicas{${labels}}`]: '8x40',
  };
};

/** For each alert: where it must fire, and with which labels, and where it must not. */
export const alertCases: Readonly<Record<string, AlertCases>> = {
  WindlassBudgetBurnsFast: {
    every: '2m',
    fires: [
      {
        series: aged(100, 90, 40),
        at: '76m',
        firing: [{ ...page, service: 'inventory', slo: 'events' }],
      },
      {
        series: commands({ '2xx': 100, '5xx': 5 }, 100, 40),
        at: '76m',
        firing: [{ ...page, service: 'order', slo: 'requests' }],
      },
      {
        series: commands({ '2xx': 100 }, 50, 40),
        at: '76m',
        firing: [{ ...page, service: 'order', slo: 'commands' }],
      },
      {
        series: reconciled(100, 70, 40),
        at: '76m',
        firing: [{ ...page, service: 'operator', slo: 'reconciliations' }],
      },
      // Nothing but failures: there is no series of anything that went well.
      {
        series: commands({ '5xx': 10 }, 0, 40),
        at: '76m',
        firing: [{ ...page, service: 'order', slo: 'requests' }],
      },
    ],
    quiet: [
      { series: aged(100, 99.5, 40), at: '76m' },
      { series: commands({ '2xx': 1_000, '4xx': 500 }, 1_000, 40), at: '76m' },
      { series: reconciled(100, 95, 40), at: '76m' },
      // Half of what happens is bad, and it is next to nothing.
      { series: aged(0.2, 0.1, 40), at: '76m' },
      // It was bad and is over.
      { series: { ...aged(0, 0, 40), [handledBy]: '0+200x15 3000x25' }, at: '76m' },
    ],
  },
  WindlassBudgetBurns: {
    every: '5m',
    fires: [
      {
        series: aged(100, 99, 100),
        at: '410m',
        firing: [{ ...page, service: 'inventory', slo: 'events' }],
      },
    ],
    quiet: [{ series: aged(100, 99.6, 100), at: '410m' }],
  },
  WindlassBudgetBurnsSlowly: {
    every: '30m',
    fires: [
      {
        series: aged(1_000, 998, 200),
        at: '96h',
        firing: [{ ...ticket, service: 'inventory', slo: 'events' }],
      },
    ],
    quiet: [{ series: aged(1_000, 999.5, 200), at: '96h' }],
  },
  WindlassOutboxStuck: {
    fires: [
      {
        series: {
          'windlass_outbox_oldest_seconds{service="order",instance="a"}': '90+60x10',
          'windlass_outbox_oldest_seconds{service="order",instance="b"}': '90+60x10',
        },
        at: '5m',
        firing: [{ ...page, service: 'order' }],
      },
    ],
    quiet: [{ series: { 'windlass_outbox_oldest_seconds{service="order"}': '30x10' }, at: '5m' }],
  },
  WindlassBacklogDrainsSlowly: {
    fires: [
      {
        series: waiting('1000x30', '0x30', '0+6x30'),
        at: '20m',
        firing: [{ ...ticket, ...consumer }],
      },
    ],
    quiet: [
      { series: waiting('1000x30', '0x30', '0+6000x30'), at: '20m' },
      { series: waiting('80x30', '0x30', '0+6x30'), at: '20m' },
    ],
  },
  WindlassConsumerStalled: {
    fires: [
      { series: waiting('5x20', '0x20', '100x20'), at: '12m', firing: [{ ...page, ...consumer }] },
      { series: waiting('0x20', '4x20', '100x20'), at: '12m', firing: [{ ...page, ...consumer }] },
    ],
    quiet: [
      { series: waiting('5x20', '0x20', '0+1x20'), at: '12m' },
      { series: waiting('0x20', '0x20', '100x20'), at: '12m' },
    ],
  },
  WindlassRedeliveries: {
    fires: [
      {
        series: redelivered('0+60x40', '0+600x40'),
        at: '25m',
        firing: [{ ...ticket, ...consumer }],
      },
    ],
    quiet: [
      { series: redelivered('0+60x40', '0+6000x40'), at: '25m' },
      { series: redelivered('0+1x40', '0+2x40'), at: '25m' },
    ],
  },
  WindlassDeadLetters: {
    fires: [
      {
        series: letters('0x3 1x10'),
        at: '8m',
        firing: [{ ...ticket, service: 'order', consumer: 'order-hot', reason: 'orphan' }],
      },
    ],
    quiet: [
      { series: letters('0x20'), at: '8m' },
      { series: letters('0x3 1x40'), at: '30m' },
    ],
  },
  WindlassEventsParked: {
    fires: [
      {
        series: { 'windlass_parked_events{service="order"}': '3x20' },
        at: '8m',
        firing: [{ ...ticket, service: 'order' }],
      },
    ],
    quiet: [{ series: { 'windlass_parked_events{service="order"}': '3x3 0x20' }, at: '8m' }],
  },
  WindlassServiceMissing: {
    fires: [
      {
        series: up({ inventory: '1x10', payment: '1x10' }),
        at: '5m',
        firing: [{ ...page, service: 'order' }],
      },
    ],
    quiet: [{ series: up({ order: '0x10', inventory: '1x10', payment: '1x10' }), at: '5m' }],
  },
  WindlassReplicaDisconnected: {
    fires: [
      {
        series: up({ order: '0x10' }),
        at: '5m',
        firing: [{ ...ticket, service: 'order', dependency: 'nats', instance: 'a' }],
      },
    ],
    quiet: [{ series: up({ order: '1x3 0x1 1x5' }), at: '5m' }],
  },
  WindlassRequestsShed: {
    fires: [{ series: shed('overloaded'), at: '10m', firing: [{ ...ticket, service: 'order' }] }],
    quiet: [{ series: shed('draining'), at: '10m' }],
  },
  WindlassBreakerOpen: {
    fires: [
      {
        series: breaker('2 2 1 2 2 2'),
        at: '4m',
        firing: [{ ...page, service: 'payment', breaker: 'provider' }],
      },
    ],
    quiet: [
      { series: breaker('0x6'), at: '4m' },
      { series: breaker('0 2 1 0 0 0'), at: '3m' },
    ],
  },
  WindlassEffectsOverdue: {
    fires: [{ series: due('1500x20'), at: '10m', firing: [{ ...page, service: 'payment' }] }],
    quiet: [{ series: due('100x20'), at: '10m' }],
  },
  WindlassNatsMembersMissing: {
    fires: [
      {
        series: members('3x20', '2x20'),
        at: '10m',
        firing: [{ ...page, namespace: 'windlass', cluster: 'nats' }],
      },
    ],
    quiet: [
      { series: members('3x20', '3x20'), at: '10m' },
      { series: members('3x20', '3 3 3 2 2 3x15'), at: '7m' },
    ],
  },
  WindlassNatsServerDown: {
    fires: [
      {
        series: { [`windlass_nats_server_up{${server}}`]: '0x20' },
        at: '10m',
        firing: [{ ...ticket, ...onServer }],
      },
    ],
    quiet: [{ series: { [`windlass_nats_server_up{${server}}`]: '1x20' }, at: '10m' }],
  },
  WindlassJetStreamStorageHigh: {
    fires: [{ series: storage('90x20', '100x20'), at: '10m', firing: [{ ...page, ...onServer }] }],
    quiet: [
      { series: storage('50x20', '100x20'), at: '10m' },
      { series: storage('50x20', '0x20'), at: '10m' },
    ],
  },
  WindlassOperatorWithoutLeader: {
    fires: [
      { series: leaders('0x10', '0x10'), at: '5m', firing: [page] },
      { series: {}, at: '5m', firing: [page] },
    ],
    quiet: [{ series: leaders('0x10', '1x10'), at: '5m' }],
  },
  WindlassOperatorRetries: {
    fires: [{ series: retries('0+2x60'), at: '40m', firing: [{ ...ticket, kind: 'Stream' }] }],
    quiet: [{ series: retries('0+0.2x60'), at: '40m' }],
  },
  WindlassObjectsNotReady: {
    fires: [{ series: unready('1x40'), at: '20m', firing: [{ ...ticket, kind: 'Stream' }] }],
    quiet: [{ series: unready('1x10 0x30'), at: '20m' }],
  },
  WindlassScaledToTheMost: {
    fires: [
      {
        series: scaled('windlass', '8x40'),
        at: '20m',
        firing: [{ ...ticket, namespace: 'windlass', horizontalpodautoscaler: 'order' }],
      },
    ],
    quiet: [
      { series: scaled('windlass', '5x40'), at: '20m' },
      { series: scaled('elsewhere', '8x40'), at: '20m' },
    ],
  },
};
