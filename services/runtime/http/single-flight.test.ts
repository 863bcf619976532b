import { describe, expect, test } from '@jest/globals';
import { replyOfUsedKey, SingleFlight } from './single-flight.ts';

const use = { scope: 'POST /v1/orders', key: 'k-1', fingerprint: Buffer.from('same') };
const other = { ...use, fingerprint: Buffer.from('other') };
const accepted = { status: 202, body: '{}' };
const again = { ...accepted, headers: { 'Idempotency-Replayed': 'true' } };
const reused = { code: 'idempotency-key-reused' };
const unexpected = async (): Promise<never> => {
  throw new Error('executed twice');
};

describe('two requests at once with one key', () => {
  test('are executed once, and both have the answer', async () => {
    const flights = new SingleFlight();
    const { promise, answer } = later();
    const first = flights.run(use, () => promise);
    const second = flights.run({ ...use }, unexpected);
    answer(accepted);
    expect(await first).toEqual(accepted);
    expect(await second).toEqual(again);
  });

  test('are refused, the second, when they ask for different things', async () => {
    const flights = new SingleFlight();
    const { promise, answer } = later();
    const first = flights.run(use, () => promise);
    await expect(flights.run(other, unexpected)).rejects.toMatchObject(reused);
    answer(accepted);
    await first;
  });

  test('are independent when their routes differ', async () => {
    const flights = new SingleFlight();
    const { promise, answer } = later();
    const first = flights.run(use, () => promise);
    const elsewhere = { ...use, scope: 'POST /v1/orders/o-1/cancel' };
    expect(await flights.run(elsewhere, async () => accepted)).toEqual(accepted);
    answer(accepted);
    await first;
  });

  test('fail together, and the key is free afterwards', async () => {
    const flights = new SingleFlight();
    const fail = async (): Promise<never> => {
      await Promise.resolve();
      throw new Error('the database is away');
    };
    const outcomes = await Promise.allSettled([
      flights.run(use, fail),
      flights.run(use, unexpected),
    ]);
    expect(
      outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.message),
    ).toEqual(['the database is away', 'the database is away']);
    expect(await flights.run(use, async () => accepted)).toEqual(accepted);
  });
});

describe('a key that was used before', () => {
  test('gives the first answer again, its location included', () => {
    const used = { ...use, reply: { ...accepted, location: '/v1/orders/o-1' } };
    expect(replyOfUsedKey(used, use)).toEqual({
      ...accepted,
      headers: { ...again.headers, location: '/v1/orders/o-1' },
    });
  });

  test('gives a refusal again, as a problem document', () => {
    const reply = replyOfUsedKey({ ...use, reply: { status: 409, body: '{}' } }, use);
    expect(reply.headers).toMatchObject({ 'Content-Type': 'application/problem+json' });
  });

  test('is refused for another request', () => {
    expect(() => replyOfUsedKey({ ...use, reply: accepted }, other)).toThrow(
      expect.objectContaining(reused),
    );
  });
});

function later() {
  let answer: (reply: typeof accepted) => void = () => {};
  const promise = new Promise<typeof accepted>((resolve) => {
    answer = resolve;
  });
  return { promise, answer };
}
