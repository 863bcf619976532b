import { collectDefaultMetrics, type OpenMetricsContentType, Registry } from 'prom-client';
import { familiesOf } from './series.ts';

/** From half a millisecond, the fastest handler, to the longest call. */
const workSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** From the low-load floor of one order to the deadlines. */
const flowSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800];
const batchSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric of a process, in a registry of its own. With `enabled: false` each is a no-op and
 * the exposition is empty. Names and labels are what the dashboards and alerts are made of.
 */
export function createMetrics(options: { readonly service: string; readonly enabled: boolean }) {
  const { make, ...exposed } = newExposition(options);
  return { ...eventMetrics(make), ...edgeMetrics(make), ...exposed };
}

/** A registry with the metrics of the process, and what makes and shows others in it. */
export function newExposition(options: { readonly service: string; readonly enabled: boolean }) {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.enabled) collectDefaultMetrics({ register: registry });
  return {
    make: familiesOf(registry, options.enabled),
    contentType: registry.contentType,
    /** The Prometheus text exposition. */
    exposition: (): Promise<string> => registry.metrics(),
    /** The same in the format of OpenMetrics, which has room for traces as examples. */
    openMetrics: {
      contentType: Registry.OPENMETRICS_CONTENT_TYPE,
      exposition: (): Promise<string> => openMetricsOf(registry, options.service).metrics(),
    },
  };
}

/**
 * A view of the registry. The library takes the ending off the names of counters for good when it
 * writes OpenMetrics, so it gets objects that inherit all but the name.
 */
function openMetricsOf(registry: Registry, service: string): Registry<OpenMetricsContentType> {
  const view = new Registry<OpenMetricsContentType>();
  view.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  view.setDefaultLabels({ service });
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name);
    if (metric !== undefined) view.registerMetric(Object.create(metric));
  }
  return view;
}

/** What the outbox, the relay and the consumers report. */
function eventMetrics({ count, level, distribution }: ReturnType<typeof familiesOf>) {
  return {
    eventsPublished: count('events_published_total', 'Events acknowledged by JetStream.', [
      'type',
      'stream',
    ]),
    publishFailures: count('publish_failures_total', 'Publishes to be repeated.', ['stream']),
    publishBatchEvents: distribution(
      'publish_batch_events',
      'Events sent to JetStream at once.',
      ['stream'],
      batchSizes,
    ),
    eventsConsumed: count('events_consumed_total', 'Events whose effects are committed.', [
      'type',
      'stream',
    ]),
    eventsDuplicate: count('events_duplicate_total', 'Events the inbox knew.', ['type']),
    eventsStale: count('events_stale_total', 'Events without effect any more.', ['type']),
    eventsParked: count('events_parked_total', 'Events put aside until they may apply.', ['type']),
    redeliveries: count('redeliveries_total', 'Messages delivered more than once.', [
      'stream',
      'lane',
    ]),
    handlerFailures: count('handler_failures_total', 'Events whose handler failed.', [
      'consumer',
      'class',
    ]),
    deadLetters: count('dead_letters_total', 'Messages given up.', ['consumer', 'reason']),
    consumerLag: level('consumer_lag_messages', 'Messages not acknowledged yet.', [
      'stream',
      'lane',
    ]),
    batchEvents: distribution('batch_events', 'Events in a batch.', ['lane'], batchSizes),
    batchSeconds: distribution(
      'batch_seconds',
      'From taking a batch to its commit.',
      ['lane'],
      workSeconds,
    ),
    eventAgeSeconds: distribution(
      'event_age_seconds',
      'From recording an event to committing its effects.',
      ['stream'],
      flowSeconds,
    ),
    settledSeconds: distribution(
      'settled_seconds',
      'From accepting a command to the settled state of its aggregate.',
      ['status'],
      flowSeconds,
    ),
    outboxRows: level('outbox_rows', 'Events committed and not published.', []),
    outboxOldestSeconds: level('outbox_oldest_seconds', 'Age of the oldest of them.', []),
    parkedEvents: level('parked_events', 'Events that are put aside now.', []),
    connectionUp: level('connection_up', '1 while connected.', ['dependency']),
  };
}

/** What the HTTP edge, the command writer and the effect runner report. */
function edgeMetrics({ count, level, distribution }: ReturnType<typeof familiesOf>) {
  return {
    requestSeconds: distribution(
      'http_request_seconds',
      'From the header of a request to the end of its answer.',
      ['route', 'method', 'status'],
      workSeconds,
    ),
    requestsShed: count('requests_shed_total', 'Requests refused to protect the rest.', ['reason']),
    writerQueue: level('writer_queue_commands', 'Commands waiting for the next batch.', []),
    writerBatch: distribution(
      'writer_batch_commands',
      'Commands committed at once.',
      [],
      batchSizes,
    ),
    effectsDue: level('effects_due', 'Effects whose time has come and that are not done.', []),
    effectSeconds: distribution(
      'effect_seconds',
      'Duration of one call to the outside.',
      ['kind', 'outcome'],
      workSeconds,
    ),
    breakerState: level('breaker_state', '0 closed, 1 half-open, 2 open.', ['breaker']),
  };
}
