import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { buildServices } from '@windlass/local/build.ts';
import { startChild } from '@windlass/local/child.ts';
import { repository } from '@windlass/local/directory.ts';

beforeAll(() => buildServices(), 60_000);

/** Nothing listens there, and nothing gets so far that it matters. */
const sound = {
  PATH: process.env.PATH,
  PORT: '0',
  OPS_PORT: '0',
  NATS_URL: 'nats://127.0.0.1:9',
  DATABASE_URL: 'postgresql://windlass:geheim@127.0.0.1:9/order',
  PROVIDER_URL: 'http://127.0.0.1:9',
};

async function start(service: string, env: NodeJS.ProcessEnv) {
  const lines: string[] = [];
  const child = await startChild({
    command: process.execPath,
    args: [join(repository, 'services', service, 'dist', 'main.mjs')],
    env: { ...sound, ...env },
    onLine: (line) => lines.push(line),
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const exit = await child.exited;
  clearTimeout(late);
  await child.drained;
  return { exit, lines };
}

const bad: readonly (readonly [service: string, env: NodeJS.ProcessEnv, names: string])[] = [
  ['order', { DATABASE_URL: undefined }, 'DATABASE_URL'],
  ['order', { DATABASE_URL: 'mysql://windlass:geheim@127.0.0.1/order' }, 'DATABASE_URL'],
  ['inventory', { DATABASE_URL: '' }, 'DATABASE_URL'],
  ['order', { NATS_URL: undefined }, 'NATS_URL'],
  ['payment', { NATS_URL: 'http://127.0.0.1:4222/geheim' }, 'NATS_URL'],
  ['payment', { PROVIDER_URL: undefined }, 'PROVIDER_URL'],
  ['payment', { PROVIDER_URL: 'geheim' }, 'PROVIDER_URL'],
  ['order', { PORT: 'http' }, 'PORT'],
  ['inventory', { PORT: '65536' }, 'PORT'],
  ['order', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  ['order', { HOT_LANE_ALLOWED: 'yes' }, 'HOT_LANE_ALLOWED'],
  ['payment', { PROVIDER_TIMEOUT_MS: '1e3' }, 'PROVIDER_TIMEOUT_MS'],
  ['payment', { PROVIDER_TIMEOUT_MS: '60000' }, 'PROVIDER_TIMEOUT_MS'],
  ['inventory', { HOLD_MS: '1000' }, 'HOLD_MS'],
  ['order', { DRAIN_SECONDS: '50' }, 'DRAIN_SECONDS'],
  ['order', { STREAM_DAYS: '400' }, 'STREAM_DAYS'],
  ['provider', { PORT: '-1' }, 'PORT'],
];

test.each(bad)('%s ends with one sentence for %j', async (service, env, name) => {
  const { exit, lines } = await start(service, env);
  expect(exit).toEqual({ code: 1, signal: null });
  expect(lines).toHaveLength(1);
  const [sentence = ''] = lines;
  expect(sentence).toContain(name);
  expect(sentence).toMatch(new RegExp(`^${service}: .*\\.$`));
  expect(sentence).not.toContain('geheim');
});
