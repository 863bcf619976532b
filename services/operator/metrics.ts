import { newExposition } from '@windlass/runtime/telemetry/metrics.ts';

/** From one look without a change to a rolled cluster's longest step. */
const reconcileSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60];
const callSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

export type OperatorMetrics = ReturnType<typeof createOperatorMetrics>;

/**
 * Every metric of the operator. Labels are kinds, verbs, reasons and the like. Only what is told
 * of NATS has names in its labels: one series for each object, which goes when the object goes.
 */
export function createOperatorMetrics(options: {
  readonly service: string;
  readonly enabled: boolean;
}) {
  const { make, ...exposed } = newExposition(options);
  return { ...loopMetrics(make), ...callMetrics(make), ...natsMetrics(make), ...exposed };
}

/** What the control loop and the kinds report. */
function loopMetrics({ count, level, distribution }: ReturnType<typeof newExposition>['make']) {
  return {
    reconcileSeconds: distribution(
      'operator_reconcile_seconds',
      'From taking a key off the queue to the written status.',
      ['kind', 'result'],
      reconcileSeconds,
    ),
    queueDepth: level('operator_queue_depth', 'Keys that wait to be reconciled.', ['kind']),
    retries: count('operator_retries_total', 'Reconciliations that failed and come again.', [
      'kind',
    ]),
    statusWrites: count('operator_status_writes_total', 'Statuses that were written.', ['kind']),
    objects: level('operator_objects', 'Objects by their condition Ready.', ['kind', 'ready']),
    driftRepaired: count('operator_drift_repaired_total', 'Foreign changes that were undone.', [
      'kind',
    ]),
    rollSteps: count('operator_roll_steps_total', 'Steps of rolls, scalings and reloads.', [
      'step',
    ]),
    leader: level('operator_leader', '1 while this process leads.', []),
    watchRestarts: count('operator_watch_restarts_total', 'Watches that were begun again.', [
      'resource',
    ]),
    relistMisses: count(
      'operator_relist_misses_total',
      'Objects that a list showed to be missed by the watch.',
      ['resource'],
    ),
  };
}

/** What the clients of the API server and of NATS report, and the API for external metrics. */
function callMetrics({ count, level, distribution }: ReturnType<typeof newExposition>['make']) {
  return {
    apiCalls: count('operator_api_calls_total', 'Requests to the API server.', [
      'verb',
      'resource',
      'code',
    ]),
    apiCallSeconds: distribution(
      'operator_api_call_seconds',
      'Duration of a request to the API server, watches left out.',
      ['verb'],
      callSeconds,
    ),
    jetStreamCalls: count('operator_jetstream_calls_total', 'Requests to JetStream.', [
      'api',
      'outcome',
    ]),
    jetStreamCallSeconds: distribution(
      'operator_jetstream_call_seconds',
      'Duration of a request to JetStream.',
      ['api'],
      callSeconds,
    ),
    connections: level('operator_nats_connections', 'Connections to NATS that are in use.', []),
    lagRequests: count('operator_lag_requests_total', 'Requests for external metrics.', ['code']),
  };
}

const ofStream = ['namespace', 'stream'] as const;
const ofConsumer = ['namespace', 'stream', 'consumer'] as const;
const ofCluster = ['namespace', 'cluster'] as const;
const ofServer = ['namespace', 'cluster', 'server'] as const;

/** What the leader has seen in NATS; see `NatsGauges`. */
function natsMetrics({ level }: ReturnType<typeof newExposition>['make']) {
  return {
    streamMessages: level('nats_stream_messages', 'Messages in the stream.', ofStream),
    streamBytes: level('nats_stream_bytes', 'Bytes in the stream.', ofStream),
    consumerPending: level(
      'nats_consumer_pending_messages',
      'Messages that were not delivered yet.',
      ofConsumer,
    ),
    consumerAckPending: level(
      'nats_consumer_ack_pending_messages',
      'Messages that were delivered and not acknowledged yet.',
      ofConsumer,
    ),
    consumerRedelivered: level(
      'nats_consumer_redelivered_messages',
      'Of these, messages that were delivered more than once.',
      ofConsumer,
    ),
    serverUp: level('nats_server_up', '1 when the server answers the operator.', ofServer),
    serverStorage: level('nats_server_storage_bytes', 'What its file store holds.', ofServer),
    serverStorageLimit: level(
      'nats_server_storage_limit_bytes',
      'What its file store may hold.',
      ofServer,
    ),
    clusterMembers: level('nats_cluster_members', 'Servers that there are to be.', ofCluster),
    clusterReadyMembers: level(
      'nats_cluster_ready_members',
      'Servers whose pod is ready.',
      ofCluster,
    ),
  };
}
