import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Starts the process that keeps the servers of this run (services/local/test-servers.ts). It
 * ends when its standard input closes, so also with a run that is killed.
 *
 * Plain JavaScript, because jest does not transform the modules of its global setup.
 */
export default async function setup({ rootDir }) {
  if (process.env.WINDLASS_UNIT === '1') return;
  const program = join(rootDir, 'services', 'local', 'test-servers.ts');
  const { NODE_OPTIONS: _, ...env } = process.env;
  const keeper = spawn(process.execPath, ['--import', 'tsx', program], {
    cwd: rootDir,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const failed = once(keeper, 'exit').then(([code]) => {
    throw new Error(`The keeper of the test servers ended with code ${code}.`);
  });
  failed.catch(() => {});
  const [address] = await Promise.race([
    once(createInterface({ input: keeper.stdout }), 'line'),
    failed,
  ]);
  process.env.WINDLASS_TEST_SERVERS = address;
  globalThis.windlassTestServers = keeper;
}
