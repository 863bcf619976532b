import { randomFillSync } from 'node:crypto';
import {
  type Attributes,
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** One finished piece of work. Times are milliseconds since the epoch, fractions allowed. */
export interface SpanRecord {
  readonly name: string;
  readonly kind: keyof typeof kinds;
  /** Trace context that the work was started under; absent or malformed: it is the root. */
  readonly parent: string | undefined;
  /** Its own trace context, when it was passed on to others; otherwise one is made. */
  readonly self?: string;
  readonly attributes?: Attributes;
  readonly startMs: number;
  readonly endMs: number;
  readonly error?: unknown;
}

export interface TracingOptions {
  readonly service: string;
  readonly replica: string;
  /** Share of the traces begun here that are sampled, 0 to 1. */
  readonly sampleRatio: number;
  /** Base URL of an OTLP/HTTP collector. Without it and without `exporter` nothing is recorded. */
  readonly endpoint?: string | undefined;
  /** False makes every trace begun here unsampled and records nothing. @default true */
  readonly enabled?: boolean;
  /** Takes each span at once instead of the collector. */
  readonly exporter?: SpanExporter;
  readonly random?: () => number;
}

const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})/;

function parse(traceparent: string | undefined): SpanContext | undefined {
  if (traceparent === undefined || traceparent.length > 256) return undefined;
  const match = form.exec(traceparent);
  // Version 00 ends after the flags; a later one may go on after a dash.
  const end = traceparent[55];
  if (!match || (end !== undefined && (end !== '-' || traceparent.startsWith('00')))) {
    return undefined;
  }
  const [, traceId = '', spanId = '', flags = ''] = match;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

/** Whether spans of this trace are recorded. Takes a well-formed context. */
export function isSampled(traceparent: string): boolean {
  return (traceparent.charCodeAt(54) & 1) === 1;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

const pool = Buffer.alloc(8_192);
let used = pool.length;

/** Random bytes in hexadecimal. Drawn from a pool: one system call for hundreds of ids. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/**
 * W3C trace context and the spans of sampled traces. Unsampled work, nearly all of it, costs two
 * random ids per trace and no object of the tracing library.
 */
export class Tracing {
  private readonly ratio: number;
  private readonly random: () => number;
  private readonly provider: BasicTracerProvider | undefined;
  private readonly tracer: Tracer | undefined;
  /** What the library takes as ids of the span that is being recorded: `record` sets it. */
  private next = { traceId: '', spanId: '' };

  constructor(options: TracingOptions) {
    const enabled = options.enabled !== false;
    this.ratio = enabled ? options.sampleRatio : 0;
    this.random = options.random ?? Math.random;
    const processor = enabled ? processorOf(options) : undefined;
    if (!processor) return;
    this.provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': options.service,
        'service.namespace': 'windlass',
        'service.instance.id': options.replica,
      }),
      // The decision was made when the trace began: only sampled spans get here.
      sampler: new AlwaysOnSampler(),
      idGenerator: {
        generateTraceId: () => this.next.traceId,
        generateSpanId: () => this.next.spanId,
      },
      spanProcessors: [processor],
    });
    this.tracer = this.provider.getTracer('windlass');
  }

  /**
   * The trace context of a piece of work that starts here: in the caller's trace when the header
   * is well-formed, whose sampling decision is kept, otherwise in a new trace.
   */
  startTrace(header: string | undefined): string {
    const parent = parse(header);
    if (parent === undefined) {
      const ids = randomHex(24);
      const flags = this.ratio > 0 && this.random() < this.ratio ? '01' : '00';
      return `00-${ids.slice(0, 32)}-${ids.slice(32)}-${flags}`;
    }
    const spanId = parent.traceFlags === 1 ? randomHex(8) : parent.spanId;
    return `00-${parent.traceId}-${spanId}-0${parent.traceFlags}`;
  }

  /**
   * The trace context to pass on for work under this one. Unsampled contexts are passed on as
   * they are. Takes a well-formed context.
   */
  childOf(traceparent: string): string {
    if (!isSampled(traceparent)) return traceparent;
    return `${traceparent.slice(0, 36)}${randomHex(8)}-01`;
  }

  /** Whether `record` would keep a span of this trace: worth asking before making one. */
  records(traceparent: string): boolean {
    return this.tracer !== undefined && isSampled(traceparent);
  }

  /** The id of a trace whose spans are kept, for a metric to show; otherwise undefined. */
  exampleOf(traceparent: string): string | undefined {
    return this.records(traceparent) ? traceIdOf(traceparent) : undefined;
  }

  /** Keeps a span when its trace is sampled and there is an exporter; else does nothing. */
  record(span: SpanRecord): void {
    if (this.tracer === undefined) return;
    const parent = parse(span.parent);
    const self = parse(span.self);
    const context = parent ?? self;
    if (context === undefined || context.traceFlags !== 1) return;
    this.next = { traceId: context.traceId, spanId: self?.spanId ?? randomHex(8) };
    const recorded = this.tracer.startSpan(
      span.name,
      {
        kind: kinds[span.kind],
        startTime: hrTime(span.startMs),
        root: parent === undefined,
        ...(span.attributes && { attributes: span.attributes }),
      },
      parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT,
    );
    if (span.error !== undefined) {
      const message = span.error instanceof Error ? span.error.message : String(span.error);
      recorded.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    recorded.end(hrTime(span.endMs));
  }

  /** Exports what is left, for a few seconds at most, and never throws: losing spans is no loss. */
  async shutdown(): Promise<void> {
    await this.provider?.shutdown().catch(() => {});
  }
}

/** The library takes small plain numbers for times since the start of the process. */
function hrTime(ms: number): HrTime {
  return [Math.trunc(ms / 1_000), Math.round((ms % 1_000) * 1e6)];
}

function processorOf(options: TracingOptions): SpanProcessor | undefined {
  if (options.exporter) return new SimpleSpanProcessor(options.exporter);
  if (options.endpoint === undefined) return undefined;
  const url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  // Bounded: while the collector is away, the newest spans are dropped.
  return new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: 3_000 }), {
    maxQueueSize: 8_192,
    maxExportBatchSize: 1_024,
    exportTimeoutMillis: 3_000,
  });
}
