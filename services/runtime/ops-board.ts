import { createServer, type Server } from 'node:http';
import type { Failure } from './failure/errors.ts';

export class OpsBoard {
  readonly guard = { settled: (_: number) => undefined };
  private ready = false;
  private readonly server: Server;
  port = 0;
  private readonly options: any;
  constructor(options: any) {
    this.options = options;
    this.server = createServer(async (q, r) => {
      if (q.url === '/metrics') { r.end(await this.options.telemetry.metrics.exposition()); return; }
      r.writeHead(q.url === '/readyz' && !this.ready ? 503 : 200); r.end('{}');
    });
  }
  async listen() { await new Promise<void>((f) => this.server.listen(this.options.config.http.opsPort, this.options.config.http.host, () => f())); this.port = (this.server.address() as any).port; }
  watch(_: unknown) {}
  admit(): Failure | undefined { return undefined; }
  started() { this.ready = true; }
  draining() { this.ready = false; }
  async close() { this.server.close(); this.server.closeAllConnections(); }
}
