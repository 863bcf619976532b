import { describe, expect, test } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { isSampled, Tracing, type TracingOptions, traceIdOf } from './trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const incoming = `00-${traceId}-b7ad6b7169203331-01`;
const unsampled = `00-${traceId}-b7ad6b7169203331-00`;
const valid = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/;

function tracing(options: Partial<TracingOptions> = {}) {
  const exporter = new InMemorySpanExporter();
  const made = new Tracing({
    service: 'shop',
    replica: 'shop-1',
    sampleRatio: 0.05,
    exporter,
    random: () => 0.5,
    ...options,
  });
  return { made, spans: () => exporter.getFinishedSpans() };
}

describe('startTrace', () => {
  test('goes on in the caller’s trace, under an id of its own when it is sampled', () => {
    const { made } = tracing();
    const own = made.startTrace(incoming);
    expect(own).toMatch(valid);
    expect(traceIdOf(own)).toBe(traceId);
    expect(isSampled(own)).toBe(true);
    expect(own).not.toBe(incoming);
    expect(made.startTrace(unsampled)).toBe(unsampled);
  });

  test('takes a later version and sends the one it knows', () => {
    expect(tracing().made.startTrace(`cc-${traceId}-b7ad6b7169203331-00-more`)).toBe(unsampled);
  });

  test.each([
    undefined,
    '',
    'garbage',
    `ff-${traceId}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `${incoming}-more`,
    `${incoming}\r\nx: y`,
    incoming.toUpperCase(),
  ])('begins a new trace for %j', (header) => {
    const own = tracing().made.startTrace(header);
    expect(own).toMatch(valid);
    expect(traceIdOf(own)).not.toBe(traceId);
  });

  test('samples the given share of new traces', () => {
    const at = (random: number) => tracing({ random: () => random }).made.startTrace(undefined);
    expect(isSampled(at(0.049))).toBe(true);
    expect(isSampled(at(0.05))).toBe(false);
  });

  test('never samples a new trace when telemetry is off', () => {
    const { made } = tracing({ enabled: false, random: () => 0 });
    expect(isSampled(made.startTrace(undefined))).toBe(false);
    expect(made.records(incoming)).toBe(false);
  });

  test('always gives a well-formed context', () => {
    const { made } = tracing();
    fc.assert(fc.property(fc.string(), (header) => valid.test(made.startTrace(header))));
  });

  test('makes ids that differ', () => {
    const { made } = tracing();
    const ids = Array.from({ length: 5_000 }, () => traceIdOf(made.startTrace(undefined)));
    expect(new Set(ids).size).toBe(5_000);
  });
});

describe('record', () => {
  test('keeps a sampled span with its ids, times and outcome', () => {
    const { made, spans } = tracing();
    const self = made.startTrace(incoming);
    made.record({
      name: 'POST /v1/orders',
      kind: 'server',
      parent: incoming,
      self,
      attributes: { 'http.route': '/v1/orders' },
      startMs: 1_000.5,
      endMs: 1_002,
      error: new Error('broken'),
    });
    const [span] = spans();
    expect(span?.spanContext()).toMatchObject({ traceId, spanId: self.slice(36, 52) });
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span?.kind).toBe(SpanKind.SERVER);
    expect(span?.startTime).toEqual([1, 500_000]);
    expect(span?.endTime).toEqual([1, 2_000_000]);
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'broken' });
    expect(span?.resource.attributes['service.name']).toBe('shop');
  });

  test('ties the spans of one trace together', () => {
    const { made, spans } = tracing({ random: () => 0 });
    const root = made.startTrace(undefined);
    const child = made.childOf(root);
    made.record({ name: 'b', kind: 'producer', parent: root, self: child, startMs: 1, endMs: 2 });
    made.record({ name: 'c', kind: 'consumer', parent: child, startMs: 2, endMs: 3 });
    made.record({ name: 'a', kind: 'server', parent: undefined, self: root, startMs: 0, endMs: 4 });
    const [b, c, a] = spans();
    expect(a?.parentSpanContext).toBeUndefined();
    expect(b?.parentSpanContext?.spanId).toBe(a?.spanContext().spanId);
    expect(c?.parentSpanContext?.spanId).toBe(b?.spanContext().spanId);
    expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  test('does nothing for unsampled work, whose context is passed on as it is', () => {
    const { made, spans } = tracing();
    expect(made.childOf(unsampled)).toBe(unsampled);
    expect(made.records(unsampled)).toBe(false);
    made.record({ name: 'a', kind: 'server', parent: unsampled, startMs: 0, endMs: 1 });
    expect(spans()).toEqual([]);
  });

  test('does nothing without a collector', async () => {
    const made = new Tracing({ service: 'shop', replica: 'r', sampleRatio: 1 });
    expect(made.records(incoming)).toBe(false);
    made.record({ name: 'a', kind: 'server', parent: incoming, startMs: 0, endMs: 1 });
    await made.shutdown();
  });

  test('shuts down in time when the collector cannot be reached', async () => {
    const endpoint = 'http://127.0.0.1:9';
    const made = new Tracing({ service: 'shop', replica: 'r', sampleRatio: 1, endpoint });
    made.record({ name: 'a', kind: 'server', parent: incoming, startMs: 0, endMs: 1 });
    await made.shutdown();
  }, 10_000);
});
