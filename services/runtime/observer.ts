import type { Lane } from '@windlass/contracts/service.ts';
import type { Arrived } from './broker/consumer.ts';
import type { Delivery } from './broker/delivery.ts';
import type { ClaimedEffect } from './effect.ts';
import { type RecordedEvent, streamOf } from './event.ts';
import type { ErrorClass } from './failure/poison.ts';
import type { DeadLetter } from './store/dead-letters.ts';
import type { Committed, Verdict } from './store/unit-of-work.ts';
import type { Logger } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { type Tracing, traceIdOf } from './telemetry/trace.ts';

export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}

/** Logs, counts and traces what the kernel reports: in this one place and nowhere else. */
export class Observer {
  private readonly telemetry: Telemetry;
  /** Whether each event is worth a line; the service behind the API logs what settles instead. */
  private readonly logEvents: boolean;

  constructor(telemetry: Telemetry, logEvents: boolean) {
    this.telemetry = telemetry;
    this.logEvents = logEvents;
  }

  committed(committed: Committed<unknown>): void {
    const { logger, metrics, tracing } = this.telemetry;
    const now = Date.now();
    for (const { id, status, acceptedAt, cause } of committed.settled) {
      const ms = now - acceptedAt;
      const { correlationId, traceparent } = cause;
      metrics.settledSeconds.of({ status }).observe(ms / 1_000, tracing.exampleOf(traceparent));
      const traceId = traceIdOf(traceparent);
      logger.info({ correlationId, traceId, aggregateId: id, status, ms }, 'settled');
    }
    if (!this.logEvents || !logger.isLevelEnabled('info')) return;
    for (const event of committed.events) {
      const { type, aggregateId, sequence, correlationId, traceparent } = event;
      const traceId = traceIdOf(traceparent);
      logger.info({ correlationId, traceId, type, aggregateId, sequence }, 'event recorded');
    }
  }

  published(events: readonly RecordedEvent[]): void {
    const { metrics } = this.telemetry;
    const [first] = events;
    if (first === undefined) return;
    const stream = streamOf(first.type);
    metrics.publishBatchEvents.of({ stream }).observe(events.length);
    for (const { type } of events) metrics.eventsPublished.of({ type, stream }).inc();
  }

  refused(events: readonly RecordedEvent[]): void {
    const [first] = events;
    if (first === undefined) return;
    const stream = streamOf(first.type);
    this.telemetry.metrics.publishFailures.of({ stream }).inc(events.length);
  }

  batch(lane: Lane, size: number, milliseconds: number): void {
    const { metrics } = this.telemetry;
    metrics.batchEvents.of({ lane }).observe(size);
    metrics.batchSeconds.of({ lane }).observe(milliseconds / 1_000);
  }

  /** An event whose effects are committed, or that had none. */
  handled({ delivery, event }: Arrived, verdict: Verdict): void {
    const { metrics, tracing } = this.telemetry;
    const { type } = event;
    const { stream } = delivery;
    const now = Date.now();
    if (verdict.kind === 'duplicate') metrics.eventsDuplicate.of({ type }).inc();
    else if (verdict.kind === 'stale') metrics.eventsStale.of({ type }).inc();
    else if (verdict.kind === 'decided') metrics.eventsConsumed.of({ type, stream }).inc();
    else metrics.eventsParked.of({ type }).inc();
    const example = tracing.exampleOf(event.traceparent);
    metrics.eventAgeSeconds.of({ stream }).observe((now - event.time) / 1_000, example);
    if (!tracing.records(event.traceparent)) return;
    tracing.record({
      name: `process ${type}`,
      kind: 'consumer',
      parent: event.traceparent,
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.type': 'process',
        'messaging.destination.name': stream,
        'messaging.message.id': event.id,
        'windlass.correlation_id': event.correlationId,
        'windlass.verdict': verdict.kind,
      },
      startMs: delivery.storedAt,
      endMs: now,
    });
  }

  redelivered(delivery: Delivery): void {
    const lane = delivery.durable.slice(delivery.durable.lastIndexOf('-') + 1);
    this.telemetry.metrics.redeliveries.of({ stream: delivery.stream, lane }).inc();
  }

  handlerFailed(consumer: string, errorClass: ErrorClass): void {
    this.telemetry.metrics.handlerFailures.of({ consumer, class: errorClass }).inc();
  }

  deadLetter(letter: DeadLetter): void {
    const { consumer, reason } = letter;
    this.telemetry.metrics.deadLetters.of({ consumer, reason }).inc();
  }

  called(effect: ClaimedEffect, outcome: string, milliseconds: number): void {
    const { metrics } = this.telemetry;
    metrics.effectSeconds.of({ kind: effect.kind, outcome }).observe(milliseconds / 1_000);
  }
}
