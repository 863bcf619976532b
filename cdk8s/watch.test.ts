import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { isSource, rerun } from './watch.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
  for (const folder of ['cdk8s/addons', 'services/contracts', 'services/order']) {
    await mkdir(join(directory.path, folder), { recursive: true });
  }
});
afterEach(() => directory.remove());

const at = (path: string) => join(directory.path, path);
const script = "require('node:fs').appendFileSync('runs', 'x')";

async function runs(): Promise<number> {
  return await readFile(at('runs'), 'utf8').then(
    (text) => text.length,
    () => 0,
  );
}

test('the command runs at once and after each change of a source', async () => {
  const stopping = new AbortController();
  const ended = rerun(directory.path, [process.execPath, '-e', script], stopping.signal);
  const ran = (count: number) => until(`${count} runs`, async () => (await runs()) >= count);
  await ran(1);
  const sources = [
    'cdk8s/platform.ts',
    'cdk8s/addons/keda.ts',
    'services/contracts/orders.ts',
    'services/order/service.ts',
  ];
  for (const source of sources) {
    const before = await runs();
    await writeFile(at(source), `// ${source}\n`);
    await ran(before + 1);
  }
  stopping.abort();
  await ended;
}, 60_000);

test('a folder that is made meanwhile is followed as well', async () => {
  const stopping = new AbortController();
  const ended = rerun(directory.path, [process.execPath, '-e', script], stopping.signal);
  await until('the first run', async () => (await runs()) > 0);
  const before = await runs();
  await mkdir(at('services/billing'));
  await mkdir(at('cdk8s/charts'));
  await until('the run after that', async () => (await runs()) > before);
  const next = await runs();
  await writeFile(at('cdk8s/charts/chart.ts'), '// new\n');
  await until('the run after that file', async () => (await runs()) > next);
  stopping.abort();
  await ended;
}, 60_000);

test.each([
  ['cdk8s/addons', 'keda.ts', true],
  ['cdk8s', 'platform.test.ts', false],
  ['cdk8s', 'monitoring', true],
  ['cdk8s', 'platform.ts.new.swp', false],
  ['services/contracts', 'orders.ts', true],
  ['services/order', 'service.ts', true],
  ['services/order', 'order.ts', false],
  ['services/order', 'openapi.json', false],
])('in %s, that %s is a source is %s', (folder, name, expected) => {
  expect(isSource(folder, name)).toBe(expected);
});
