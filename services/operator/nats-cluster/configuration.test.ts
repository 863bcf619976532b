import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { newUserKey } from '@windlass/runtime/broker/nkeys.ts';
import { type ConfigurationInput, configurationOf } from './configuration.ts';
import { startDigestOf } from './reload-or-roll.ts';
import { specWith } from './testing/facts.ts';

const keys = { system: newUserKey().publicKey, app: newUserKey().publicKey };
const input: ConfigurationInput = {
  cluster: { namespace: 'ns', name: 'c' },
  spec: specWith({}),
  servers: 3,
  volumeBytes: 10 * 2 ** 30,
  operator: { system: keys.system, accounts: { APP: keys.app } },
  users: [],
};
const user = {
  account: 'APP',
  publicKey: newUserKey().publicKey,
  permissions: {
    publish: { allow: ['orders.>'], deny: ['orders.secret'] },
    subscribe: { allow: ['_INBOX_bob.>'] },
    allowResponses: { max: 1, expires: '2m' },
  },
};
const silent = {
  ...user,
  publicKey: newUserKey().publicKey,
  permissions: { publish: { allow: [], deny: ['>'] }, subscribe: { allow: ['a'] } },
};

const accepted: Readonly<Record<string, Partial<ConfigurationInput>>> = {
  'of a cluster': {},
  'of a single server': { servers: 1 },
  'with users': { users: [user, silent] },
  'with limits of accounts': {
    spec: specWith({
      accounts: [
        { name: 'APP', jetstream: { maxStorage: '1Gi', maxStreams: 10, maxConsumers: -1 } },
        { name: 'other-1', jetstream: { maxMemory: 1_000 } },
      ],
    }),
  },
  'that lets in whoever has no credentials': { spec: specWith({ anonymousAccount: 'APP' }) },
  'with streams in memory and lazy files': {
    spec: specWith({ storage: { memoryStore: '512Mi', syncInterval: '1m' } }),
  },
  'with settings of the user': {
    spec: specWith({
      config: {
        merge: {
          max_payload: 524_288,
          write_deadline: '5s',
          jetstream: { limits: { max_ha_assets: 100 } },
          server_metadata: { team: 'a "quoted" \\ name\n', windlass_config: 'mine' },
          nothing: null,
        },
      },
    }),
  },
};

describe('the configuration', () => {
  let directory: TemporaryDirectory;
  let server: string;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = (await resolveNatsServer()).path;
  }, 300_000);
  afterAll(() => directory.remove());

  const check = async (text: string, env: Readonly<Record<string, string>>) => {
    const file = join(directory.path, 'nats.conf');
    await writeFile(file, text);
    return await run({ command: server, args: ['-t', '-c', file], env });
  };

  test.each(Object.entries(accepted))(
    '%s is accepted by a server',
    async (_, over) => {
      const { text } = configurationOf({ ...input, ...over });
      for (const address of ['127.0.0.1', 'fd00::1']) {
        const outcome = await check(text, { POD_NAME: 'c-0', POD_IP: address });
        expect(outcome).toMatchObject({ ok: true });
      }
    },
    60_000,
  );

  test('names both addresses and the name by the environment of the pod', async () => {
    const { text } = configurationOf(input);
    expect(text.match(/host: \$POD_IP/g)).toHaveLength(2);
    expect(await check(text, { POD_NAME: 'c-0' })).toMatchObject({ ok: false });
    expect(await check(text, { POD_IP: '127.0.0.1' })).toMatchObject({ ok: false });
  }, 60_000);

  test('is the same text for the same input, whatever the order of the users', () => {
    const one = configurationOf({ ...input, users: [user, silent] });
    expect(configurationOf({ ...input, users: [silent, user] })).toEqual(one);
  });

  test('says its digest, which no setting of the user replaces', () => {
    const over = accepted['with settings of the user'];
    const { text, digest } = configurationOf({ ...input, ...over });
    expect(text).toContain(`windlass_config: "${digest}"`);
    expect(text).not.toContain('"mine"');
  });

  test('has another digest with other certificates, although the text names only files', () => {
    const first = configurationOf({ ...input, tlsDigest: 'a' });
    const second = configurationOf({ ...input, tlsDigest: 'b' });
    expect(first.digest).not.toBe(second.digest);
    expect(first.block).toEqual(second.block);
    expect(first.text).toContain('ca_file: "/etc/nats-tls/ca.crt"');
  });

  test('fills no more of the volume than it may', () => {
    const spec = specWith({ storage: { fileStorePercent: 75 } });
    const { text } = configurationOf({ ...input, spec, volumeBytes: 1_001 });
    expect(text).toContain('max_file_store: 750\n');
  });

  test('writes no password but that of nobody, and no seed', () => {
    const { text } = configurationOf({ ...input, users: [user] });
    expect(text).not.toMatch(/password|SU[A-Z2-7]{56}/);
  });

  test('needs no restart after an upgrade of the operator alone', () => {
    // Whoever changes this digest makes every cluster roll with the next version.
    expect(startDigestOf(configurationOf(input).block)).toBe('b451d2b401dc98d5');
  });
});
