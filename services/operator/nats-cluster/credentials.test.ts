import { describe, expect, test } from '@jest/globals';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { secret } from '../api/core.ts';
import { credentials, publicKeysOf } from './credentials.ts';
import { publicKey, specWith, wellFacts } from './testing/facts.ts';

const empty = { statefulSet: undefined, pods: [], claims: [] };
const two = specWith({ accounts: [{ name: 'APP' }, { name: 'B' }] });

describe('the keys of the operator', () => {
  test.each([
    ['are made for a new cluster', { ...empty, credentials: undefined }, 'make'],
    ['are complete', {}, 'complete'],
    ['are added for a new account', { spec: two }, 'make'],
    [
      'are lost when volumes are there',
      { ...empty, claims: wellFacts().claims, credentials: undefined },
      'lost',
    ],
    ['are lost when servers run', { credentials: undefined }, 'lost'],
    [
      'are lost when somebody has overwritten one',
      { ...empty, credentials: { system: undefined, accounts: { APP: publicKey('A') } } },
      'lost',
    ],
  ])('%s', (_, over, kind) => {
    expect(credentials(wellFacts(3, over)).kind).toBe(kind);
  });

  test('are read from the Secret, and what is no seed counts as missing', () => {
    const [system, app] = [newUserKey(), newUserKey()];
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const read = secret.parse({
      metadata: { name: 'c-operator', uid: 'u' },
      data: {
        'system.seed': base64(system.seed),
        'account.APP.seed': base64(app.seed),
        'account.B.seed': base64('nonsense'),
      },
    });
    expect(publicKeysOf(read)).toEqual({
      system: system.publicKey,
      accounts: { APP: app.publicKey },
    });
  });
});
