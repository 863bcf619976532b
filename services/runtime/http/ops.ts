import { createServer, type Server, type ServerResponse } from 'node:http';
import { errorText } from '../failure/error-text.ts';
import { withoutPasswords } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { listen, serverLimits } from './listener.ts';

/** A probe that takes longer than this has failed: the kubelet does not wait longer either. */
const probeMs = 2_000;

export interface OpsOptions {
  /** Each gives the reason, without secrets, why no requests should come; undefined: ready. */
  readonly readiness: readonly (() => string | undefined | Promise<string | undefined>)[];
  /** Reported by name; resolves when the dependency answers, optionally with a remark. */
  readonly health: Readonly<Record<string, () => Promise<string | undefined>>>;
  readonly metrics: Pick<Metrics, 'contentType' | 'exposition' | 'openMetrics'>;
}

type Page = { readonly status: number; readonly type?: string; readonly body: string };

/**
 * Health and metrics, on a port of their own that is never exposed. `/livez` depends on the event
 * loop alone, so that an outage of a dependency restarts no process; `/startupz` on nothing but
 * that the port listens.
 */
export class OpsServer {
  private readonly server: Server;

  constructor(options: OpsOptions) {
    const { metrics } = options;
    const pages: Readonly<Record<string, (accepted: string) => Promise<Page>>> = {
      '/livez': async () => json(200, { live: true }),
      '/startupz': async () => json(200, { started: true }),
      '/readyz': () => readyPage(options.readiness),
      '/health': () => healthPage(options.health),
      '/metrics': async (accepted) => {
        const isOpen = accepted.includes('application/openmetrics-text');
        const format = isOpen ? metrics.openMetrics : metrics;
        return { status: 200, type: format.contentType, body: await format.exposition() };
      },
    };
    this.server = createServer(serverLimits, (request, response) => {
      const path = request.url?.split('?', 1)[0] ?? '';
      const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
      if (page === undefined) return send(response, json(404, { error: 'not found' }));
      page(request.headers.accept ?? '').then(
        (answer) => send(response, answer),
        () => send(response, json(500, { error: 'failed' })),
      );
    });
    this.server.maxConnections = 256;
  }

  /** Resolves with the port once it listens. */
  async listen(port: number, host: string): Promise<number> {
    return listen(this.server, port, host);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}

async function readyPage(checks: OpsOptions['readiness']): Promise<Page> {
  const answers = await Promise.all(
    checks.map((check) =>
      withinLimit(async () => check()).catch((error: unknown) => reasonOf(error)),
    ),
  );
  const reasons = answers.filter((reason) => reason !== undefined);
  return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
}

async function healthPage(probes: OpsOptions['health']): Promise<Page> {
  const checked = await Promise.all(
    Object.entries(probes).map(async ([name, probe]) => {
      const startedAt = performance.now();
      try {
        const remark = await withinLimit(probe);
        const latencyMs = Math.round((performance.now() - startedAt) * 100) / 100;
        return [name, { healthy: true, latencyMs, remark }] as const;
      } catch (error) {
        return [name, { healthy: false, reason: reasonOf(error) }] as const;
      }
    }),
  );
  const healthy = checked.every(([, result]) => result.healthy);
  return json(healthy ? 200 : 503, { healthy, dependencies: Object.fromEntries(checked) });
}

async function withinLimit<Value>(probe: () => Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${probeMs} ms`)), probeMs);
  });
  try {
    return await Promise.race([probe(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  return withoutPasswords(errorText(error));
}

function json(status: number, value: unknown): Page {
  return { status, body: JSON.stringify(value) };
}

function send(response: ServerResponse, page: Page): void {
  response.writeHead(page.status, {
    'Content-Type': page.type ?? 'application/json',
    'Content-Length': Buffer.byteLength(page.body),
    'Cache-Control': 'no-store',
  });
  response.end(page.body);
}
