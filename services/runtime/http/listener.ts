import type { Server, ServerOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FailureCode, failures } from '../failure/errors.ts';
import { rawProblem } from './problem.ts';

/** Against clients that send slowly: the defaults of Node.js let them hold a socket for minutes. */
export const serverLimits: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Longer than the 60 s of usual load balancers, which otherwise reuse what we just closed.
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
};

const codes: Readonly<Record<string, FailureCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

const rendered = new Map<FailureCode, string>();
for (const code of [...Object.values(codes), 'malformed-http' as const]) {
  rendered.set(code, rawProblem(code));
}

/**
 * Answers what the HTTP parser refused or waited for in vain, and closes the connection. When
 * part of an answer is already out, nothing can be added to it and the connection is just cut.
 */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  const pending: unknown = Reflect.get(socket, '_httpMessage');
  const begun =
    typeof pending === 'object' && pending !== null && Reflect.get(pending, 'headersSent') === true;
  if (error.code === 'ECONNRESET' || !socket.writable || begun) {
    socket.destroy();
    return;
  }
  const code = codes[error.code ?? ''] ?? 'malformed-http';
  socket.end(rendered.get(code) ?? `HTTP/1.1 ${failures[code].status} \r\n\r\n`);
}

/** Resolves with the port once the server accepts connections; rejects when it cannot. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
