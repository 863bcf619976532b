import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';

/** Certificates are read again after this time, and after a 401; a token after a minute. */
const freshMs = 30_000;
const connectTimeoutMs = 10_000;
/** Shorter than the 90 s of the API server: who closes first must not be the one that listens. */
const keepAliveMs = 60_000;
/** Requests under way at the same time; watches have connections of their own. */
const requestConnections = 32;

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** For requests that end. */
  readonly requests: Dispatcher;
  /** For watches: each holds a connection for minutes. */
  readonly watches: Dispatcher;
}

/** How to reach an API server and who to be there. */
export interface KubeAccess {
  readonly server: URL;
  credentials(): Promise<Credentials>;
  /** Reads everything again at the next call: the server did not accept it. */
  forget(): void;
  close(): Promise<void>;
}

export interface AccessOptions {
  /** Without it: `KUBECONFIG`, `~/.kube/config`, and then the Pod's service account. */
  readonly kubeconfig?: string;
  readonly now?: () => number;
}

/** Throws one sentence when there is no usable configuration. */
export function kubeAccess(options: AccessOptions = {}): KubeAccess {
  return new ConfiguredAccess(options);
}

function load({ kubeconfig }: AccessOptions): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config;
}

function serverOf(config: KubeConfig): URL {
  const server = config.getCurrentCluster()?.server;
  if (server !== undefined && URL.canParse(server)) return new URL(server);
  throw new Error('the kubeconfig names no API server in its current context');
}

class ConfiguredAccess implements KubeAccess {
  readonly server: URL;
  private readonly options: AccessOptions;
  private readonly now: () => number;
  private config: KubeConfig;
  private isRefused = false;
  private current: { readonly value: Promise<Credentials>; readonly until: number } | undefined;
  private agents: Agents | undefined;

  constructor(options: AccessOptions) {
    this.options = options;
    this.config = load(options);
    this.server = serverOf(this.config);
    this.now = options.now ?? (() => performance.now());
  }

  async credentials(): Promise<Credentials> {
    const now = this.now();
    if (this.current === undefined || now >= this.current.until) {
      this.current = { value: this.read(), until: now + freshMs };
      this.current.value.catch(() => {
        this.current = undefined;
      });
    }
    return await this.current.value;
  }

  forget(): void {
    this.current = undefined;
    this.isRefused = true;
  }

  async close(): Promise<void> {
    this.current = undefined;
    await this.agents?.close();
    this.agents = undefined;
  }

  private async read(): Promise<Credentials> {
    // A configuration keeps a token for a minute, whatever the server thinks of it.
    if (this.isRefused) this.config = load(this.options);
    this.isRefused = false;
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      // A token file ends with a newline, which is not allowed in a header.
      if (typeof value === 'string') headers[name.toLowerCase()] = value.trim();
    }
    if (typeof options.auth === 'string') {
      headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const agents = this.agentsFor(options);
    return { headers, requests: agents.requests, watches: agents.watches };
  }

  /** Connections go on as long as the certificates stay the same. */
  private agentsFor({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): Agents {
    const tls = { ca, cert, key, rejectUnauthorized, servername };
    const given = Object.fromEntries(
      Object.entries(tls).filter(([, value]) => value !== undefined),
    );
    const hash = createHash('sha256');
    for (const [name, value] of Object.entries(given)) hash.update(`${name}=${String(value)}\n`);
    const fingerprint = hash.digest('base64');
    if (this.agents?.fingerprint === fingerprint) return this.agents;
    // Requests under way end on the connections that they began on.
    void this.agents?.close();
    const proxy = this.config.getCurrentCluster()?.proxyUrl;
    this.agents = new Agents(fingerprint, given, proxy);
    return this.agents;
  }
}

/** The two pools of connections that one set of certificates has. */
class Agents {
  readonly fingerprint: string;
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;

  constructor(fingerprint: string, tls: object, proxy: string | undefined) {
    this.fingerprint = fingerprint;
    this.requests = dispatcher(tls, proxy, requestConnections);
    this.watches = dispatcher(tls, proxy, null);
  }

  async close(): Promise<void> {
    // Nobody waits for a watch to end by itself.
    await Promise.all([this.requests.close(), this.watches.destroy()]);
  }
}

function dispatcher(tls: object, proxy: string | undefined, connections: number | null) {
  const options = { connections, keepAliveTimeout: keepAliveMs, pipelining: 1 };
  if (proxy !== undefined) return new ProxyAgent({ ...options, uri: proxy, requestTls: tls });
  return new Agent({ ...options, connect: { ...tls, timeout: connectTimeoutMs } });
}
