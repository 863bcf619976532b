import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Router } from 'express';
import { Failure } from '../failure/errors.ts';
import { about, type Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { discardRest, hasBody, readJson, refusedByHeader } from './body.ts';
import { type Exchange, observeExchange } from './exchange.ts';
import { answerUnparsed, listen, serverLimits } from './listener.ts';
import { problemReply } from './problem.ts';
import { CheckedRequest, causeOf, correlationIdOf, type Routed } from './request.ts';
import { compiledRoute, type Reply, type Route } from './route.ts';

export interface ApiServerOptions {
  readonly routes: readonly Route[];
  /** The committed document, served at `/openapi.json`. */
  readonly openapi: string;
  /** Over what every server of ours has. */
  readonly limits?: Partial<typeof serverLimits>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** @default 65 536 */
  readonly bodyMaxBytes?: number;
  /**
   * Asked before the body of a route with `admission` is read. What it returns is rendered
   * once, so it should return the same objects again and again.
   */
  readonly admit?: () => Failure | undefined;
  /** Whether a failed dependency, and not a mistake, made a handler throw this. */
  readonly isUnavailable?: (error: unknown) => boolean;
}

type Dispatch = (request: IncomingMessage, response: ServerResponse, done: Done) => void;
type Done = (error?: unknown) => void;

/**
 * Serves a service's routes. Every refusal is a problem document, no answer carries a stack, and
 * no input makes a 5xx. The routes hang on an express router that is called straight from the
 * HTTP server: `app.handle` would cost three times what everything else here does.
 */
export class ApiServer {
  private readonly options: ApiServerOptions;
  private readonly bodyMaxBytes: number;
  private readonly server: Server;
  private readonly shedReplies = new WeakMap<Failure, Reply>();
  /** Signals that someone listens to; aborted on drain. */
  private readonly signals = new Set<AbortController>();
  private readonly sockets = new Set<Socket>();
  private draining = false;

  constructor(options: ApiServerOptions) {
    this.options = options;
    this.bodyMaxBytes = options.bodyMaxBytes ?? 65_536;
    const dispatch = this.makeRouter();
    const serve = (request: IncomingMessage, response: ServerResponse) =>
      dispatch(request, response, (error) => this.unrouted(request, response, error));
    this.server = createServer({ ...serverLimits, ...options.limits }, serve);
    this.server.maxConnections = 10_000;
    this.server.maxHeadersCount = 100;
    this.server.on('clientError', answerUnparsed);
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.server.on('checkContinue', (request, response) => {
      // A body that is refused by its header should not even be sent.
      const refused = Number(request.headers['content-length'] ?? 0) > this.bodyMaxBytes;
      if (!refused) response.writeContinue();
      serve(request, response);
    });
  }

  /** Resolves with the port once it accepts connections. */
  async listen(port: number, host: string): Promise<number> {
    return listen(this.server, port, host);
  }

  /** From now on answers ask the client to close its connection, and waiting requests end. */
  drain(): void {
    this.draining = true;
    for (const signal of this.signals) signal.abort();
  }

  /** Stops accepting and answers what is in flight. What takes longer than `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Node.js takes a connection for busy until its first request came.
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    const cut = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  private makeRouter(): Dispatch {
    const router = Router({ caseSensitive: true, strict: true });
    const methods = new Map<string, string[]>();
    const allow = (path: string, ...names: string[]) =>
      methods.set(path, [...(methods.get(path) ?? []), ...names]);
    for (const route of this.options.routes.map(compiledRoute)) {
      // The library types its result as any string.
      const verb = route.method.toLowerCase() as Lowercase<Route['method']>;
      router[verb](route.path, (request, response) => this.start(route, request, response));
      allow(route.path, ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]));
    }
    const document: Reply = { status: 200, body: this.options.openapi };
    router.get('/openapi.json', (request, response) => {
      this.send(response, document, correlationIdOf(request));
    });
    allow('/openapi.json', 'GET', 'HEAD');
    for (const [path, allowed] of methods) {
      const headers = { Allow: allowed.join(', ') };
      router.all(path, (request, response) => {
        this.refuse(request, response, new Failure('method-not-allowed'), headers);
      });
    }
    // Express types its router for requests that its app made; routing needs no more than these.
    return router as unknown as Dispatch;
  }

  private start(route: Route, request: Routed, response: ServerResponse): void {
    const startedAt = performance.now();
    if (route.admission) {
      const refused = this.options.admit?.();
      if (refused) {
        this.shed(request, response, refused);
        return;
      }
    }
    const cause = causeOf(request, this.options.tracing);
    const exchange = { route, request, response, cause, startedAt };
    if (route.body === undefined || !hasBody(request.headers)) {
      void this.handle(exchange, undefined);
      return;
    }
    const refused = refusedByHeader(request.headers, this.bodyMaxBytes);
    if (refused) {
      discardRest(request, this.bodyMaxBytes);
      this.fail(exchange, refused);
      return;
    }
    readJson(request, this.bodyMaxBytes, (failure, body) => {
      if (failure) this.fail(exchange, failure);
      else void this.handle(exchange, body);
    });
  }

  /** Never rejects. */
  private async handle(exchange: Exchange, body: unknown): Promise<void> {
    const { route, request, response, cause } = exchange;
    try {
      const checked = new CheckedRequest(route, request, body, cause, () =>
        this.makeSignal(response),
      );
      const reply = await route.handle(checked);
      this.send(response, reply, cause.correlationId);
      observeExchange(this.options, exchange, reply.status);
    } catch (error) {
      this.fail(exchange, error);
    }
  }

  private fail(exchange: Exchange, error: unknown): void {
    const { cause, route, response } = exchange;
    const { logger } = this.options;
    let failure: Failure;
    if (error instanceof Failure) {
      failure = error;
    } else if (this.options.isUnavailable?.(error)) {
      failure = new Failure('unavailable');
      logger.warn({ ...about(cause), operation: route.operationId, err: error }, 'unavailable');
    } else {
      failure = new Failure('internal');
      logger.error({ ...about(cause), operation: route.operationId, err: error }, 'failed');
    }
    const reply = problemReply(failure, cause.correlationId);
    this.send(response, reply, cause.correlationId);
    observeExchange(this.options, exchange, reply.status, error);
  }

  /** Costs a few microseconds: nothing is read, made or logged for a request that is shed. */
  private shed(request: Routed, response: ServerResponse, failure: Failure): void {
    let reply = this.shedReplies.get(failure);
    if (reply === undefined) {
      reply = problemReply(failure);
      this.shedReplies.set(failure, reply);
    }
    // Node.js discards a body that nobody reads, but without a bound.
    const length = Number(request.headers['content-length']);
    if (!(length <= this.bodyMaxBytes)) discardRest(request, this.bodyMaxBytes);
    this.send(response, reply, undefined);
    this.options.metrics.requestsShed.of({ reason: failure.code }).inc();
  }

  private unrouted(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    // The router fails only for a path whose percent-encoding is broken.
    const failure = new Failure(
      error === undefined || error === null ? 'not-found' : 'malformed-http',
    );
    this.refuse(request, response, failure);
  }

  private refuse(
    request: IncomingMessage,
    response: ServerResponse,
    failure: Failure,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    discardRest(request, this.bodyMaxBytes);
    const correlationId = correlationIdOf(request);
    const reply = problemReply(failure, correlationId);
    this.send(response, { ...reply, headers: { ...reply.headers, ...headers } }, correlationId);
  }

  private send(response: ServerResponse, reply: Reply, correlationId: string | undefined): void {
    if (response.headersSent || response.destroyed) return;
    const headers: (string | number)[] = ['Content-Length', Buffer.byteLength(reply.body)];
    if (correlationId !== undefined) headers.push('X-Correlation-ID', correlationId);
    if (reply.headers === undefined || !('Content-Type' in reply.headers)) {
      headers.push('Content-Type', 'application/json');
    }
    if (reply.headers !== undefined) {
      for (const name in reply.headers) headers.push(name, reply.headers[name] ?? '');
    }
    headers.push('Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff');
    if (this.draining) headers.push('Connection', 'close');
    response.writeHead(reply.status, headers);
    response.end(reply.body);
  }

  private makeSignal(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    if (this.draining || response.destroyed) controller.abort();
    this.signals.add(controller);
    response.once('close', () => {
      this.signals.delete(controller);
      controller.abort();
    });
    return controller.signal;
  }
}
