import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { lanes } from '@windlass/contracts/service.ts';
import { streamOf } from './event.ts';
import { errorClasses } from './failure/poison.ts';
import { deadLetterReasons } from './store/dead-letters.ts';
import type { Metrics } from './telemetry/metrics.ts';

/**
 * Begins, at 0, every series of counters whose labels are known beforehand. Prometheus sees no
 * increase in a series that begins with 1: without this the first dead letter of a process would
 * alert nobody.
 */
export function beginSeries(
  metrics: Metrics,
  { name, consumes, publishes }: Pick<ServiceDefinition, 'name' | 'consumes' | 'publishes'>,
): void {
  for (const { type } of publishes) {
    const stream = streamOf(type);
    metrics.eventsPublished.of({ type, stream });
    metrics.publishFailures.of({ stream });
  }
  for (const { type } of consumes) {
    const stream = streamOf(type);
    metrics.eventsConsumed.of({ type, stream });
    metrics.eventsDuplicate.of({ type });
    metrics.eventsStale.of({ type });
    metrics.eventsParked.of({ type });
    for (const lane of lanes) metrics.redeliveries.of({ stream, lane });
  }
  for (const reason of ['overloaded', 'draining']) metrics.requestsShed.of({ reason });
  if (consumes.length === 0) return;
  for (const lane of lanes) {
    const consumer = `${name}-${lane}`;
    for (const errorClass of errorClasses) {
      metrics.handlerFailures.of({ consumer, class: errorClass });
    }
    for (const reason of deadLetterReasons) metrics.deadLetters.of({ consumer, reason });
  }
}
