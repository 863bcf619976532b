import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import { listen, serverLimits } from '@windlass/runtime/http/listener.ts';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import type { ExternalMetrics } from './api.ts';
import { type FrontProxy, userOf } from './front-proxy.ts';
import { ApiError, statusOf } from './status.ts';

/** Requests that are answered at once; more are refused and come again. */
const requestsMax = 64;
const connectionsMax = 256;
const retryAfterSeconds = 1;

/** What the server proves itself with; PEM. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Whom the server believes and what it shows, as long as nothing newer is known. */
export interface Identity {
  readonly serving: ServingCertificate;
  readonly frontProxy: FrontProxy | undefined;
}

/** Serves the API to the API server and to nobody else, over TLS on both sides. */
export class LagServer {
  private readonly api: ExternalMetrics;
  private readonly logger: Pick<Logger, 'error'>;
  private readonly onAnswer: (status: number) => void;
  private identity: Identity | undefined;
  private server: Server | undefined;
  private running = 0;

  constructor(
    api: ExternalMetrics,
    logger: Pick<Logger, 'error'>,
    onAnswer: (status: number) => void = () => {},
  ) {
    this.api = api;
    this.logger = logger;
    this.onAnswer = onAnswer;
  }

  /** Resolves with the port once it accepts connections. */
  async listen(port: number, host: string, identity: Identity): Promise<number> {
    this.identity = identity;
    const options: ServerOptions = {
      ...serverLimits,
      ...tlsOf(identity),
      // Who is not the front proxy gets an answer that says so, instead of a broken connection.
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    };
    const server = createServer(
      options,
      (request, response) => void this.handle(request, response),
    );
    server.maxConnections = connectionsMax;
    this.server = server;
    return await listen(server, port, host);
  }

  /** New connections see the new certificates; open ones are checked against the new rules. */
  renew(identity: Identity): void {
    const before = this.identity;
    this.identity = identity;
    const isSame =
      before?.serving.certificate === identity.serving.certificate &&
      before.frontProxy?.authorities === identity.frontProxy?.authorities;
    if (isSame) return;
    this.server?.setSecureContext(tlsOf(identity));
    // A connection stays verified by the authorities of its handshake.
    if (before?.frontProxy?.authorities !== identity.frontProxy?.authorities) {
      this.server?.closeAllConnections();
    }
  }

  async close(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    if (this.running >= requestsMax) {
      refuse(response, new ApiError('TooManyRequests', 'too many requests at once'));
      this.onAnswer(response.statusCode);
      return;
    }
    this.running += 1;
    try {
      send(response, 200, await this.answer(request));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        this.logger.error({ err: error }, 'a request for external metrics failed');
      }
      refuse(response, error instanceof ApiError ? error : new ApiError('InternalError', 'failed'));
    } finally {
      this.running -= 1;
      this.onAnswer(response.statusCode);
    }
  }

  /** The API server has asked its authorizers before it passed the request on. */
  private async answer(request: IncomingMessage): Promise<unknown> {
    if (userOf(this.identity?.frontProxy, senderOf(request)) === undefined) {
      throw new ApiError('Unauthorized', 'only requests of the API server are answered');
    }
    if (request.method !== 'GET') throw new ApiError('MethodNotAllowed', 'metrics are only read');
    const [path = '/', ...search] = (request.url ?? '/').split('?');
    return await this.api.answer(path, new URLSearchParams(search.join('?')));
  }
}

function tlsOf({ serving, frontProxy }: Identity) {
  // Without authorities Node.js would trust those of the Web.
  return { cert: serving.certificate, key: serving.key, ca: frontProxy?.authorities ?? [] };
}

function senderOf({ socket, headers }: IncomingMessage) {
  if (!(socket instanceof TLSSocket)) return { isVerified: false, certificate: undefined, headers };
  const peer = socket.getPeerCertificate();
  const certificate = peer.raw === undefined ? undefined : new X509Certificate(peer.raw);
  return { isVerified: socket.authorized, certificate, headers };
}

function refuse(response: ServerResponse, error: ApiError): void {
  if (error.reason === 'TooManyRequests') response.setHeader('Retry-After', retryAfterSeconds);
  send(response, error.code, statusOf(error));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
