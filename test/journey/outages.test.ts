import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ServiceProcess } from '@windlass/local/processes.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { expectAllSettled } from './invariants.ts';
import { Load } from './load.ts';
import { send } from './shop.ts';
import { Stack, workerNames } from './stack.ts';

const natsOutageMs = 30_000;
const postgresOutageMs = 60_000;
const settleMs = 60_000;

/** Both outages run at the same time, each on a platform of its own. */
const stacks: Stack[] = [];
let natsOutage: Promise<void>;
let postgresOutage: Promise<void>;
beforeAll(async () => {
  const [one, two] = [await Stack.start(), await Stack.start()];
  stacks.push(one, two);
  natsOutage = withoutNats(one);
  postgresOutage = withoutPostgres(two);
  // Their failures belong to the tests that wait for them.
  for (const each of [natsOutage, postgresOutage]) each.catch(() => {});
}, 90_000);
afterAll(() => Promise.all(stacks.map((stack) => stack.stop())), 30_000);

async function withoutNats(stack: Stack): Promise<void> {
  const load = await Load.start(stack, { perSecond: 20, mixed: false });
  await load.until(20);
  stack.platform.nats.kill('SIGKILL');
  const over = Date.now() + natsOutageMs;
  const before = load.accepted.length;
  await until('the outage is over', () => Date.now() > over, { withinMs: natsOutageMs + 10_000 });
  const during = load.accepted.length - before;
  for (const replica of stack.replicas('order')) {
    expect((await send(`${replica.opsUrl}/livez`, 'GET')).status).toBe(200);
    expect((await send(`${replica.opsUrl}/readyz`, 'GET')).status).toBe(200);
  }
  await stack.platform.restartNats();
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.repeated).toBe(0);
  expect(during).toBeGreaterThan(natsOutageMs / 300);
  await expectAllSettled(stack, { withinMs: settleMs });
}

async function withoutPostgres(stack: Stack): Promise<void> {
  const load = await Load.start(stack, { perSecond: 10, patienceMs: 120_000, openMax: 60 });
  await load.until(30);
  stack.platform.postgres.kill('SIGKILL');
  await stack.platform.postgres.exited;
  const over = Date.now() + postgresOutageMs;
  await until('the outage is over', () => Date.now() > over, {
    withinMs: postgresOutageMs + 10_000,
  });
  for (const replica of workerNames.flatMap((worker) => stack.replicas(worker))) {
    expectRunning(replica);
    expect((await send(`${replica.opsUrl}/livez`, 'GET')).status).toBe(200);
  }
  await stack.platform.restartPostgres();
  await load.until(load.accepted.length + 20);
  await load.stop();
  expect(load.failures).toEqual([]);
  const { orders } = await expectAllSettled(stack, { withinMs: settleMs });
  expect(load.accepted.filter((id) => !orders.some((order) => order.id === id))).toEqual([]);
}

/** Whoever reads that one has ended wants to know why. */
function expectRunning(replica: ServiceProcess): void {
  if (replica.running()) return;
  throw new Error(`${replica.name} has ended:\n${replica.lines().slice(-20).join('\n')}`);
}

test('accepts every order while NATS is down for 30 s, and settles them all afterwards', async () => {
  await natsOutage;
}, 180_000);

test('files no dead letter while PostgreSQL is down for 60 s, and settles all orders', async () => {
  await postgresOutage;
}, 240_000);
