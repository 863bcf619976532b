import { describe, expect, test } from '@jest/globals';
import { type ConfigurationInput, configurationOf } from './configuration.ts';
import { restartReasons, startDigestOf } from './reload-or-roll.ts';
import { publicKey, specWith } from './testing/facts.ts';

const input: ConfigurationInput = {
  cluster: { namespace: 'ns', name: 'c' },
  spec: specWith({}),
  servers: 3,
  volumeBytes: 10 * 2 ** 30,
  operator: { system: publicKey('S'), accounts: { APP: publicKey('A') } },
  users: [],
};
const merge = (block: object) => ({ spec: specWith({ config: { merge: block } }) });
const permissions = { publish: { allow: ['a'] }, subscribe: { allow: ['b'] } };

/** What changes, and which settings of it a running server does not take over. */
const cases: Readonly<Record<string, readonly [Partial<ConfigurationInput>, readonly string[]]>> = {
  'a user': [{ users: [{ account: 'APP', publicKey: publicKey('B'), permissions }] }, []],
  'an account': [{ spec: specWith({ accounts: [{ name: 'APP' }, { name: 'B' }] }) }, []],
  'limits of an account': [
    { spec: specWith({ accounts: [{ name: 'APP', jetstream: { maxStreams: 5 } }] }) },
    [],
  ],
  'the number of servers': [{ servers: 5 }, []],
  'a larger volume': [{ volumeBytes: 20 * 2 ** 30 }, []],
  certificates: [{ tlsDigest: 'a' }, []],
  'the largest message': [merge({ max_payload: 1_000 }), []],
  'the limits of JetStream': [merge({ jetstream: { limits: { max_ack_pending: 5 } } }), []],
  'when files are synced': [
    { spec: specWith({ storage: { syncInterval: '1m' } }) },
    ['jetstream.sync_interval'],
  ],
  'how a server stops': [
    { spec: specWith({ lameDuck: { durationSeconds: 60 } }) },
    ['lame_duck_duration'],
  ],
  'who comes in without credentials': [
    { spec: specWith({ anonymousAccount: 'APP' }) },
    ['no_auth_user'],
  ],
  'a domain': [merge({ jetstream: { domain: 'hub' } }), ['jetstream.domain']],
  'leaf nodes': [merge({ leafnodes: { port: 7_422 } }), ['leafnodes.port']],
  'another port': [merge({ port: 4_223 }), ['port']],
  'a single server': [{ servers: 1 }, ['cluster.host', 'cluster.name', 'cluster.port']],
};

describe('a change of the configuration', () => {
  const before = configurationOf(input).block;

  test.each(Object.entries(cases))('of %s', (_, [over, reasons]) => {
    const after = configurationOf({ ...input, ...over }).block;
    expect(restartReasons(before, after)).toEqual(reasons);
    expect(startDigestOf(after) === startDigestOf(before)).toBe(reasons.length === 0);
  });
});
