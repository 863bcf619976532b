import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newUserKey, type UserKey } from '@windlass/runtime/broker/nkeys.ts';
import { KeyProofs } from './key-proofs.ts';
import { type ConfiguredServer, startConfiguredServer } from './testing/configured-server.ts';

const known: UserKey = newUserKey();
const other: UserKey = newUserKey();
const inboxPrefix = '_INBOX_a';
let knowing: ConfiguredServer;
let both: ConfiguredServer;

const accounts = (...keys: readonly UserKey[]) => {
  const users = keys.map(({ publicKey }) => ({ nkey: publicKey }));
  return `accounts { APP { users: ${JSON.stringify(users)} } }`;
};

beforeAll(async () => {
  knowing = await startConfiguredServer(accounts(known));
  both = await startConfiguredServer(accounts(known, other));
}, 60_000);
afterAll(async () => {
  await knowing?.stop();
  await both?.stop();
}, 60_000);

const prove = (proofs: KeyProofs, key: UserKey, ...servers: readonly string[]) =>
  proofs.prove({ target: 'test', servers }, { ...key, inboxPrefix });
/** Nothing listens there. */
const nobody = 'nats://127.0.0.1:1';

/** A busy server may refuse a key for being slow, so it is tried until it is known. */
async function untilAccepted(proofs: KeyProofs, key: UserKey, ...servers: readonly string[]) {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const proof = await prove(proofs, key, ...servers);
    if (proof.kind === 'accepted') return;
    if (performance.now() > deadline) throw new Error(`${proof.kind}: ${proof.message}`);
  }
}

describe('a key', () => {
  test('is accepted when all servers accept it', async () => {
    await untilAccepted(new KeyProofs(), known, knowing.url, both.url);
  }, 120_000);

  test('is refused when one server does not know it', async () => {
    const proof = await prove(new KeyProofs(), other, knowing.url, both.url);
    expect(proof.kind).toBe('refused');
  }, 60_000);

  test('is accepted although a server is down, which will know it when it starts', async () => {
    await untilAccepted(new KeyProofs(), other, nobody, both.url);
  }, 120_000);

  test('is in doubt when no server can be asked', async () => {
    expect((await prove(new KeyProofs(), known, nobody)).kind).toBe('unreachable');
    expect((await prove(new KeyProofs(), known)).kind).toBe('unreachable');
  }, 60_000);

  test('that was accepted is believed for a while', async () => {
    let now = 0;
    const proofs = new KeyProofs(() => now);
    await untilAccepted(proofs, known, knowing.url);
    expect(await prove(proofs, known, nobody)).toEqual({ kind: 'accepted' });
    now += 15 * 60_000;
    expect((await prove(proofs, known, nobody)).kind).toBe('unreachable');
  }, 60_000);

  test('is not told by the proof', async () => {
    const proof = await prove(new KeyProofs(), other, knowing.url);
    expect(JSON.stringify(proof)).not.toContain(other.seed);
  }, 60_000);
});
