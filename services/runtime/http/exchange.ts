import type { ServerResponse } from 'node:http';
import type { Cause } from '../event.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Tracing, traceIdOf } from '../telemetry/trace.ts';
import { type Routed, traceHeaderOf } from './request.ts';
import type { Route } from './route.ts';

/** One request on its way: what is needed to answer, log, measure and trace it. */
export interface Exchange {
  readonly route: Route;
  readonly request: Routed;
  readonly response: ServerResponse;
  readonly cause: Cause;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** Measures and traces an answered request; logs it when it was to change something. */
export function observeExchange(
  to: { readonly logger: Logger; readonly metrics: Metrics; readonly tracing: Tracing },
  { route, request, cause, startedAt }: Exchange,
  status: number,
  error?: unknown,
): void {
  const endedAt = performance.now();
  to.metrics.requestSeconds
    .of({ route: route.path, method: route.method, status: statusClass(status) })
    .observe((endedAt - startedAt) / 1_000, to.tracing.exampleOf(cause.traceparent));
  const level = route.method === 'GET' ? 'debug' : 'info';
  if (to.logger.isLevelEnabled(level)) {
    const ms = Math.round((endedAt - startedAt) * 1_000) / 1_000;
    // Spelled out: spreading into an object costs more than the rest of the line.
    const fields = {
      correlationId: cause.correlationId,
      traceId: traceIdOf(cause.traceparent),
      operation: route.operationId,
      status,
      ms,
    };
    to.logger[level](fields, 'answered');
  }
  if (!to.tracing.records(cause.traceparent)) return;
  to.tracing.record({
    name: `${route.method} ${route.path}`,
    kind: 'server',
    parent: traceHeaderOf(request),
    self: cause.traceparent,
    attributes: {
      'http.request.method': route.method,
      'http.route': route.path,
      'http.response.status_code': status,
      'windlass.correlation_id': cause.correlationId,
    },
    startMs: performance.timeOrigin + startedAt,
    endMs: performance.timeOrigin + endedAt,
    ...(status >= 500 && { error }),
  });
}

/** Classes instead of codes, so that the number of time series stays small. */
function statusClass(status: number): string {
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}
