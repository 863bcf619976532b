import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child, Exit } from '../../services/local/child.ts';
import { temporaryDirectory } from '../../services/local/directory.ts';
import { freePort } from '../../services/local/ports.ts';
import { errorText } from '../../services/runtime/failure/error-text.ts';
import { auditPolicy } from './audit-log.ts';
import { type ControlPlaneBinaries, resolveControlPlane } from './binaries.ts';
import { issue, type KeyPair, newAuthority, tokenKeys } from './certificates.ts';
import * as flags from './control-plane-flags.ts';
import { KubeApi } from './kube-api.ts';
import { type Credentials, writeKubeconfig } from './kubeconfig.ts';
import { startTethered } from './tethered.ts';

const readyMs = 60_000;
const pollMs = 50;
/** Less collecting: a third of the CPU of an API server with a small heap. */
const runtime = { GOGC: '400' };
const stopMs = 20_000;

/** How anybody on this machine reaches a control plane: plain data. */
export interface ControlPlaneAccess {
  /** Of the administrator (`system:masters`). */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** See `auditedRequests`. */
  readonly auditLog: string;
  /** Certificates, keys, data and logs; goes with the control plane. */
  readonly directory: string;
  /** For people: undefined where it was not found. */
  readonly kubectl: string | undefined;
}

export interface ControlPlane extends ControlPlaneAccess {
  /** To make it fail: it keeps its port, its certificates and all that it stores. */
  readonly apiServer: {
    /** SIGTERM by default, which lets requests end; SIGKILL is the crash. */
    stop(signal?: NodeJS.Signals): Promise<Exit>;
    /** Resolves when it is ready again. */
    start(): Promise<void>;
    kill(signal: NodeJS.Signals): void;
  };
  /** Ends all of it at once and deletes its directory. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** @default what `resolveControlPlane` finds */
  readonly binaries?: ControlPlaneBinaries;
  /** Flags of kube-apiserver besides ours. */
  readonly apiServerFlags?: readonly string[];
  readonly say?: (line: string) => void;
  readonly onLine?: (program: string, line: string) => void;
}

/**
 * A Kubernetes of its own on 127.0.0.1: etcd, API server and controllers, with certificates of
 * its own. It has no nodes; see `startKubelet`. Resolves when namespaces can be made, in some
 * seconds, after the build of the programs where there are none. It does not outlive this process
 * (Linux), even when that is killed.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { say = () => {} } = options;
  const binaries = options.binaries ?? (await resolveControlPlane({ say }));
  const directory = await temporaryDirectory();
  const started: Child[] = [];
  const stop = async () => {
    for (const child of started) child.kill('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    await directory.remove();
  };
  try {
    return await assemble(directory.path, binaries, options, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  directory: string,
  binaries: ControlPlaneBinaries,
  options: ControlPlaneOptions,
  started: Child[],
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const ports = { etcd: await freePort(), peer: await freePort(), server: await freePort() };
  const server = `https://127.0.0.1:${ports.server}`;
  const authority = await writeFiles(directory);
  const kubeconfigs = await writeOwnKubeconfigs(directory, server, authority);
  const start = async (program: string, command: string, args: readonly string[]) => {
    const onLine = (line: string) => options.onLine?.(program, line);
    const env = { ...process.env, ...runtime };
    const child = await startTethered({ command, args, cwd: directory, env, onLine });
    started.push(child);
    return child;
  };
  const etcd = await start('etcd', binaries.etcd, flags.etcd(directory, ports));
  const apiServerFlags = [...flags.apiServer(directory, ports), ...(options.apiServerFlags ?? [])];
  const startApiServer = () => start('kube-apiserver', binaries.apiServer, apiServerFlags);
  let apiServer = await startApiServer();
  await untilReady(kubeconfigs.admin, [etcd, apiServer]);
  const managerFlags = flags.controllers(directory, kubeconfigs.controllers, await freePort());
  const manager = await start('controllers', binaries.controllerManager, managerFlags);
  await untilServiceAccounts(kubeconfigs.admin, manager);
  return {
    kubeconfig: kubeconfigs.admin,
    server,
    auditLog: flags.auditLog(directory),
    directory,
    kubectl: binaries.kubectl,
    apiServer: {
      stop: (signal = 'SIGTERM') => apiServer.stop(signal, stopMs),
      kill: (signal) => apiServer.kill(signal),
      async start() {
        await apiServer.stop('SIGTERM', stopMs);
        apiServer = await startApiServer();
        await untilReady(kubeconfigs.admin, [etcd, apiServer]);
      },
    },
    stop,
  };
}

/** Certificates, keys and policies, as the flags name them. Gives the authority of clients. */
async function writeFiles(directory: string): Promise<KeyPair> {
  const authority = await newAuthority('windlass-test-ca');
  const proxyAuthority = await newAuthority('windlass-test-front-proxy-ca');
  const server = await issue(authority, { commonName: 'kube-apiserver', names: flags.serverNames });
  const proxy = await issue(proxyAuthority, { commonName: flags.proxyClient });
  const tokens = tokenKeys();
  await mkdir(flags.dataDirectory(directory), { recursive: true, mode: 0o700 });
  const contents: Readonly<Record<flags.File, string>> = {
    'ca.crt': authority.certificate,
    'ca.key': authority.key,
    'server.crt': server.certificate,
    'server.key': server.key,
    'proxy-ca.crt': proxyAuthority.certificate,
    'proxy.crt': proxy.certificate,
    'proxy.key': proxy.key,
    'tokens.pub': tokens.publicKey,
    'tokens.key': tokens.privateKey,
    'audit-policy.json': JSON.stringify(auditPolicy),
  };
  for (const [name, text] of Object.entries(contents)) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
  }
  return authority;
}

async function writeOwnKubeconfigs(directory: string, server: string, authority: KeyPair) {
  const masters = ['system:masters'];
  const write = async (user: string, groups: readonly string[]) => {
    const path = join(directory, `${user.replaceAll(':', '-')}.kubeconfig`);
    await writeKubeconfig(path, await credentials(server, authority, user, groups));
    return path;
  };
  return {
    admin: await write('admin', masters),
    controllers: await write('system:kube-controller-manager', masters),
  };
}

/**
 * A kubeconfig of a user who may do what RBAC lets him, which at first is next to nothing. The
 * audit log names him, so that his requests can be counted.
 */
export async function kubeconfigFor(
  { directory, server }: ControlPlaneAccess,
  user: string,
  groups: readonly string[] = [],
): Promise<string> {
  const authority: KeyPair = {
    certificate: await readFile(join(directory, 'ca.crt'), 'utf8'),
    key: await readFile(join(directory, 'ca.key'), 'utf8'),
  };
  const path = join(directory, `user-${encodeURIComponent(user)}.kubeconfig`);
  await writeKubeconfig(path, await credentials(server, authority, user, groups));
  return path;
}

async function credentials(
  server: string,
  authority: KeyPair,
  user: string,
  groups: readonly string[],
): Promise<Credentials> {
  const pair = await issue(authority, { commonName: user, organizations: groups });
  return { server, authority: authority.certificate, ...pair };
}

/** Polls until `attempt` gives true; errors are attempts that failed. */
async function until(
  what: string,
  children: readonly Child[],
  attempt: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + readyMs;
  let last = '';
  while (performance.now() < deadline) {
    const ended = children.find((child) => !child.running());
    if (ended !== undefined) throw new Error(`${what} did not start:\n${ended.tail()}`);
    try {
      if (await attempt()) return;
    } catch (error) {
      last = errorText(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`${what} is not ready after ${readyMs / 1_000} s (${last})`);
}

async function untilReady(kubeconfig: string, children: readonly Child[]): Promise<void> {
  const api = await KubeApi.from(kubeconfig);
  try {
    const isReady = async () => (await api.get<string>('/readyz')) === 'ok';
    await until('kube-apiserver', children, isReady);
  } finally {
    api.close();
  }
}

/** Without its service account no pod can be made in a namespace. */
async function untilServiceAccounts(kubeconfig: string, manager: Child): Promise<void> {
  const api = await KubeApi.from(kubeconfig);
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  try {
    await until('kube-controller-manager', [manager], async () => {
      return (await api.find(path)) !== undefined;
    });
  } finally {
    api.close();
  }
}
