import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { type Credentials, readKubeconfig } from './kubeconfig.ts';

/** A watch has one for itself. */
const socketsMax = 256;
const answerMs = 30_000;
/** The API server sends a bookmark every minute, even when nothing changes. */
const silentWatchMs = 150_000;

/** An object as the API server speaks it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly creationTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
}

export interface ApiList<Item> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Item[];
}

export interface WatchEvent<Item> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Item;
}

/** What the API server answered instead of what was asked for. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  /** Of the Status object, for example `NotFound`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export function isRefusal(error: unknown, ...statuses: readonly number[]): error is ApiRefusal {
  return error instanceof ApiRefusal && statuses.includes(error.status);
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** A bare client of one API server, with the credentials of one identity. */
export class KubeApi {
  readonly server: string;
  private readonly agent: Agent;

  constructor({ server, authority, certificate, key }: Credentials) {
    this.server = server;
    this.agent = new Agent({
      keepAlive: true,
      maxSockets: socketsMax,
      ca: authority,
      cert: certificate,
      key,
    });
  }

  static async from(kubeconfig: string): Promise<KubeApi> {
    return new KubeApi(await readKubeconfig(kubeconfig));
  }

  /** Throws `ApiRefusal` when the answer is none of success. */
  get<Item>(path: string): Promise<Item> {
    return this.ask<Item>('GET', path);
  }

  post<Item>(path: string, body: unknown): Promise<Item> {
    return this.ask<Item>('POST', path, body);
  }

  put<Item>(path: string, body: unknown): Promise<Item> {
    return this.ask<Item>('PUT', path, body);
  }

  patch<Item>(path: string, body: unknown, kind: keyof typeof patchTypes = 'merge') {
    const separator = path.includes('?') ? '&' : '?';
    const manager = kind === 'apply' ? `${separator}fieldManager=test&force=true` : '';
    return this.ask<Item>('PATCH', `${path}${manager}`, body, patchTypes[kind]);
  }

  /** Nothing happens when it is gone. */
  async delete(path: string, options: Readonly<Record<string, unknown>> = {}): Promise<void> {
    try {
      await this.ask('DELETE', path, options);
    } catch (error) {
      if (!isRefusal(error, 404)) throw error;
    }
  }

  /** Undefined when it is not there. */
  async find<Item>(path: string): Promise<Item | undefined> {
    try {
      return await this.get<Item>(path);
    } catch (error) {
      if (isRefusal(error, 404)) return undefined;
      throw error;
    }
  }

  /** Creates it, or leaves the one that is there. */
  async ensure(path: string, body: unknown): Promise<void> {
    try {
      await this.post(path, body);
    } catch (error) {
      if (!isRefusal(error, 409)) throw error;
    }
  }

  /** Follows changes until the server ends the watch, or the signal is aborted. */
  async watch<Item>(
    path: string,
    resourceVersion: string,
    signal: AbortSignal,
    onEvent: (event: WatchEvent<Item>) => void,
  ): Promise<void> {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`;
    const separator = path.includes('?') ? '&' : '?';
    const response = await this.send('GET', `${path}${separator}${query}`, { signal });
    response.setTimeout(silentWatchMs, () => response.destroy());
    if (response.statusCode !== 200) throw refusal(response, await textOf(response));
    for await (const line of createInterface({ input: response })) {
      onEvent(JSON.parse(line) as WatchEvent<Item>);
    }
  }

  /** Ends the connections. */
  close(): void {
    this.agent.destroy();
  }

  private async ask<Answer>(
    method: string,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<Answer> {
    const signal = AbortSignal.timeout(answerMs);
    const response = await this.send(method, path, { body, contentType, signal });
    const text = await textOf(response);
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299) throw refusal(response, text);
    return (text.startsWith('{') ? JSON.parse(text) : text) as Answer;
  }

  private send(
    method: string,
    path: string,
    options: {
      readonly body?: unknown;
      readonly contentType?: string;
      readonly signal: AbortSignal;
    },
  ): Promise<IncomingMessage> {
    const { body, contentType = 'application/json', signal } = options;
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = {
        accept: 'application/json',
        'content-type': contentType,
        // Node.js leaves it out of a DELETE, and the server takes the body for the next request.
        'content-length': Buffer.byteLength(text),
      };
      const url = new URL(path, this.server);
      const request = httpsRequest(url, { method, agent: this.agent, signal, headers });
      request.once('response', resolve);
      request.on('error', reject);
      request.end(text);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function refusal({ statusCode = 0 }: IncomingMessage, text: string): ApiRefusal {
  if (!text.startsWith('{')) return new ApiRefusal(statusCode, 'Unknown', text.slice(0, 200));
  const status = JSON.parse(text) as { readonly reason?: string; readonly message?: string };
  return new ApiRefusal(statusCode, status.reason ?? 'Unknown', status.message ?? text);
}
