import { createServer } from 'node:http';
import { join } from 'node:path';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { type Keeper, startKeeper } from '../../test/cluster/keeper-process.ts';
import { temporaryDirectory } from './directory.ts';
import { resolveNatsServer } from './nats-binary.ts';
import { type NatsServer, startNatsServer } from './nats-server.ts';
import { freePort } from './ports.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { emptyPostgresData } from './postgres-directory.ts';

/**
 * The servers of a test run: a process of its own that starts a server when a worker first
 * asks for it, and stops them all when its standard input closes. That happens even when the
 * run is interrupted or killed.
 *
 * GET /nats/<worker> and GET /postgres/<worker> answer with the address. The control plane of a
 * Kubernetes is one for all workers: GET /control-plane/0 answers with how it is reached.
 */
const directory = await temporaryDirectory();
const nats = new Map<string, Promise<NatsServer>>();
const postgres = new Map<string, Promise<PostgresServer>>();
let controlPlane: Promise<Keeper> | undefined;

async function startNats(worker: string): Promise<NatsServer> {
  const { path } = await resolveNatsServer();
  return await startNatsServer({
    binary: path,
    dataDir: join(directory.path, `nats-${worker}`),
    port: 0,
  });
}

/** A crash of the machine in the middle of a test run loses nothing that matters. */
const testSettings = { fsync: 'off', shared_buffers: '64MB' };

function startDatabase(worker: string): Promise<PostgresServer> {
  const dataDir = join(directory.path, `postgres-${worker}`);
  return startPostgres({ dataDir, port: 0, settings: testSettings });
}

function once<Server>(
  started: Map<string, Promise<Server>>,
  worker: string,
  start: (worker: string) => Promise<Server>,
): Promise<Server> {
  const found = started.get(worker);
  if (found !== undefined) return found;
  const starting = start(worker);
  started.set(worker, starting);
  return starting;
}

async function addressOf(path: string): Promise<string> {
  const [, kind, worker = ''] = path.split('/');
  if (!/^\d+$/.test(worker)) throw new Error(`no worker in ${path}`);
  if (kind === 'nats') return (await once(nats, worker, startNats)).url;
  if (kind === 'postgres') return (await once(postgres, worker, startDatabase)).url('postgres');
  if (kind === 'control-plane') {
    controlPlane ??= startKeeper();
    return (await controlPlane).answer;
  }
  throw new Error(`no server is called ${kind}`);
}

const server = createServer((request, response) => {
  addressOf(request.url ?? '').then(
    (address) => response.end(address),
    (error: unknown) => {
      response.statusCode = 500;
      response.end(errorText(error));
    },
  );
});

let stopping: Promise<void> | undefined;
function stop(): Promise<void> {
  stopping ??= stopAll();
  return stopping;
}

/** Killed and not stopped: nobody reads the data again. */
async function stopAll(): Promise<void> {
  server.close();
  await (await controlPlane?.catch(() => undefined))?.stop();
  const started = await Promise.allSettled([...nats.values(), ...postgres.values()]);
  for (const each of started) {
    if (each.status === 'rejected') continue;
    each.value.kill('SIGKILL');
    await each.value.exited;
  }
  for (const worker of postgres.keys()) {
    await emptyPostgresData(join(directory.path, `postgres-${worker}`));
  }
  await directory.remove();
  process.exit();
}

process.stdin.on('end', () => void stop());
process.stdin.on('close', () => void stop());
process.stdin.resume();
// The terminal's Ctrl-C is for the test run, whose end closes standard input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const port = await freePort();
server.listen(port, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${port}\n`));
