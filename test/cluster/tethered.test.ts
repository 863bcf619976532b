import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { identify, isRunning } from '@windlass/local/running.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { describeSkipped } from './testing.ts';

const title = 'a tethered child ends with its parent, even when that is killed';

async function killParent() {
  const module = join(dirname(fileURLToPath(import.meta.url)), 'tethered.ts');
  const script = `
    import { startTethered } from ${JSON.stringify(module)};
    const child = await startTethered({ command: 'sleep', args: ['600'] });
    process.stdout.write(child.pid + '\\n');
  `;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const parent = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: parent.stdout }), 'line');
  const child = await identify(Number(line));
  if (child === undefined) throw new Error('the child is not there');
  await expect(isRunning(child)).resolves.toBe(true);
  parent.kill('SIGKILL');
  await until('the end of the child', async () => !(await isRunning(child)), { withinMs: 30_000 });
}

if (process.platform === 'linux') test(title, killParent, 60_000);
else describeSkipped(title, 'only Linux tells a child that its parent has ended');
