import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { LedgerFile } from './ledger.ts';
import { Provider } from './provider.ts';
import { ProviderServer } from './server.ts';

export interface StartOptions {
  readonly host: string;
  readonly port: number;
  readonly opsPort: number;
  /** Where the ledger file stands. It must exist. */
  readonly dataDir: string;
}

export interface RunningProvider {
  readonly port: number;
  readonly opsPort: number;
  /** Answers what is in flight, then stops. */
  stop(): Promise<void>;
}

/** Replays the ledger, then serves. Resolves when both ports accept connections. */
export async function startProvider(options: StartOptions): Promise<RunningProvider> {
  const provider = new Provider();
  const path = join(options.dataDir, 'ledger.ndjson');
  const ledger = new LedgerFile(path, (entry) => provider.apply(entry));
  const api = new ProviderServer(provider, ledger);
  // Longer than its clients keep an idle connection, so that they close it first.
  const server = createServer({ keepAliveTimeout: 75_000 }, api.handle);
  const ops = createServer(opsListener(api));
  const port = await listen(server, options.port, options.host);
  const opsPort = await listen(ops, options.opsPort, options.host);
  return {
    port,
    opsPort,
    async stop() {
      await Promise.all([close(server), close(ops)]);
      ledger.close();
    },
  };
}

function opsListener(api: ProviderServer): RequestListener {
  return (request, response) => {
    const isMetrics = request.url === '/metrics';
    const isKnown =
      isMetrics || ['/livez', '/readyz', '/startupz'].some((path) => request.url === path);
    response.writeHead(isKnown ? 200 : 404, { 'Content-Type': 'text/plain' });
    response.end(isMetrics ? api.metrics() : isKnown ? 'ok\n' : 'not found\n');
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : port);
    });
  });
}

/** A call that is held on purpose would never end by itself. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
}
