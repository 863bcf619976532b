import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { readKubeconfig } from '../../../../test/cluster/kubeconfig.ts';

/** What happens to a request instead of reaching the API server; false lets it through. */
export type Fault = (request: SeenRequest) => Answer | false;
export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
export type Answer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  /** The connection ends without an answer. */
  | 'drop'
  /** The API server answers another address. */
  | { readonly instead: string };

export interface FaultProxy {
  readonly kubeconfig: string;
  /** Every request that has come, in order. */
  readonly seen: readonly SeenRequest[];
  /** Replaces the fault of before. */
  setFault(fault: Fault): void;
  clear(): void;
  /** Breaks all connections, watches as well. Returns how many. */
  dropConnections(): number;
  close(): Promise<void>;
}

/** Stands before a real API server, acts with the rights of its administrator, and breaks. */
export async function startFaultProxy(kubeconfig: string): Promise<FaultProxy> {
  const { server, authority, certificate, key } = await readKubeconfig(kubeconfig);
  const sockets = new Set<Socket>();
  const seen: SeenRequest[] = [];
  let fault: Fault = () => false;
  const forward = (incoming: IncomingMessage, response: ServerResponse, path: string) => {
    const onward = request(
      new URL(path, server),
      { method: incoming.method, headers: incoming.headers, ca: authority, cert: certificate, key },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  const front = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '/', server);
    const one = { method: incoming.method ?? '', url, headers: incoming.headers };
    seen.push(one);
    const answer = fault(one);
    if (answer === false) return forward(incoming, response, incoming.url ?? '/');
    if (answer === 'drop') return void incoming.socket.destroy();
    if ('instead' in answer) return forward(incoming, response, answer.instead);
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  });
  front.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as AddressInfo;
  const directory = await temporaryDirectory();
  const own = join(directory.path, 'kubeconfig');
  await writeFile(own, kubeconfigOf(port));
  const dropConnections = () => {
    const count = sockets.size;
    for (const socket of sockets) socket.destroy();
    return count;
  };
  return {
    kubeconfig: own,
    seen,
    setFault: (next) => {
      fault = next;
    },
    clear: () => {
      fault = () => false;
    },
    dropConnections,
    async close() {
      const closed = new Promise((resolve) => front.close(resolve));
      dropConnections();
      await closed;
      await directory.remove();
    },
  };
}

function kubeconfigOf(port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'front',
        cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
      },
    ],
    users: [{ name: 'any', user: {} }],
    contexts: [{ name: 'front', context: { cluster: 'front', user: 'any' } }],
    'current-context': 'front',
  });
}
