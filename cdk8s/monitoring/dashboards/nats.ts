import type { Board, Panel } from '../board.ts';
import { bounds } from '../bounds.ts';
import { highest } from '../promql.ts';

const stat = { kind: 'stat', width: 6 } as const;
const graph = { kind: 'graph', width: 12 } as const;
const cluster = ['namespace', 'cluster'] as const;
const server = [...cluster, 'server'] as const;
const stream = ['namespace', 'stream'] as const;
const consumer = ['namespace', 'stream', 'consumer'] as const;
const used = highest('windlass_nats_server_storage_bytes', server);
const limit = `(${highest('windlass_nats_server_storage_limit_bytes', server)} > 0)`;

const servers: readonly Panel[] = [
  {
    ...stat,
    title: 'Servers that are missing',
    description: 'Of all clusters: wanted ones that are not ready.',
    unit: 'none',
    badAt: 1,
    alert: 'WindlassNatsMembersMissing',
    queries: [
      {
        expr:
          `sum(${highest('windlass_nats_cluster_members', cluster)} ` +
          `- ${highest('windlass_nats_cluster_ready_members', cluster)})`,
        legend: 'servers',
      },
    ],
  },
  {
    ...stat,
    title: 'Servers that answer',
    description: 'The operator, over the system account.',
    unit: 'none',
    badBelow: 1,
    alert: 'WindlassNatsServerDown',
    queries: [{ expr: `sum(${highest('windlass_nats_server_up', server)})`, legend: 'servers' }],
  },
  {
    ...stat,
    title: 'Fullest file store',
    description: 'Of what JetStream may store. Publishing stops when it is full.',
    unit: 'percentunit',
    warnAt: 0.6,
    badAt: bounds.storageRatio,
    alert: 'WindlassJetStreamStorageHigh',
    queries: [{ expr: `max(${used} / ${limit})`, legend: 'used' }],
  },
  {
    ...stat,
    title: 'Messages waiting',
    description: 'Over all durable consumers that have an object.',
    unit: 'none',
    alert: 'WindlassBacklogDrainsSlowly',
    queries: [
      {
        expr: `sum(${highest('windlass_nats_consumer_pending_messages', consumer)})`,
        legend: 'messages',
      },
    ],
  },
  {
    ...graph,
    title: 'Ready servers',
    description: 'By cluster, beside the number that is wanted.',
    unit: 'none',
    alert: 'WindlassNatsMembersMissing',
    queries: [
      {
        expr: highest('windlass_nats_cluster_ready_members', cluster),
        legend: '{{namespace}}/{{cluster}} ready',
      },
      {
        expr: highest('windlass_nats_cluster_members', cluster),
        legend: '{{namespace}}/{{cluster}} wanted',
      },
    ],
  },
  {
    ...graph,
    title: 'File stores',
    description: 'Used part of the limit, by server.',
    unit: 'percentunit',
    warnAt: 0.6,
    badAt: bounds.storageRatio,
    alert: 'WindlassJetStreamStorageHigh',
    queries: [{ expr: `${used} / ${limit}`, legend: '{{namespace}}/{{server}}' }],
  },
];

const streamPanels: readonly Panel[] = [
  {
    ...graph,
    title: 'Messages in streams',
    description: 'They stay for their age, whether handled or not.',
    unit: 'none',
    queries: [
      {
        expr: highest('windlass_nats_stream_messages', stream),
        legend: '{{namespace}}/{{stream}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Size of streams',
    description: 'A full stream refuses what is published; the outbox keeps it.',
    unit: 'bytes',
    alert: 'WindlassOutboxStuck',
    queries: [
      { expr: highest('windlass_nats_stream_bytes', stream), legend: '{{namespace}}/{{stream}}' },
    ],
  },
];

const third = { kind: 'graph', width: 8 } as const;
const consumerPanels: readonly Panel[] = [
  {
    ...third,
    title: 'Not delivered yet',
    description: 'What a consumer is behind, as its leader counts.',
    unit: 'none',
    alert: 'WindlassBacklogDrainsSlowly',
    queries: [
      {
        expr: highest('windlass_nats_consumer_pending_messages', consumer),
        legend: '{{stream}} {{consumer}}',
      },
    ],
  },
  {
    ...third,
    title: 'Delivered and not acknowledged',
    description: 'Under way. It stays when nobody works.',
    unit: 'none',
    alert: 'WindlassConsumerStalled',
    queries: [
      {
        expr: highest('windlass_nats_consumer_ack_pending_messages', consumer),
        legend: '{{stream}} {{consumer}}',
      },
    ],
  },
  {
    ...third,
    title: 'Delivered again',
    description: 'Messages under way that were delivered more than once.',
    unit: 'none',
    warnAt: 1,
    alert: 'WindlassRedeliveries',
    queries: [
      {
        expr: highest('windlass_nats_consumer_redelivered_messages', consumer),
        legend: '{{stream}} {{consumer}}',
      },
    ],
  },
];

const clients: readonly Panel[] = [
  {
    ...graph,
    title: 'Connections of the services',
    description: 'Replicas that are connected.',
    unit: 'none',
    alert: 'WindlassReplicaDisconnected',
    queries: [
      {
        expr: 'sum by (service) (windlass_connection_up{dependency="nats"})',
        legend: '{{service}}',
      },
    ],
  },
  {
    ...graph,
    title: 'Connections of the operator',
    description: 'One for each cluster and account that objects name.',
    unit: 'none',
    queries: [{ expr: 'sum(windlass_operator_nats_connections)', legend: 'connections' }],
  },
];

export const natsBoard: Board = {
  name: 'nats',
  title: 'Windlass: NATS and JetStream',
  description: 'Clusters, streams and consumers, as the operator asks the servers.',
  rows: [
    { title: 'Servers', panels: servers },
    { title: 'Streams', panels: streamPanels },
    { title: 'Consumers', panels: consumerPanels },
    { title: 'Clients', panels: clients },
  ],
};
