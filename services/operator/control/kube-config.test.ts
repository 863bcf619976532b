import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { kubeAccess } from './kube-config.ts';

describe('the access to an API server', () => {
  let directory: TemporaryDirectory;
  const file = (name: string) => join(directory.path, name);

  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(async () => {
    await directory.remove();
  });

  async function kubeconfig(user: object, server = 'https://127.0.0.1:6443/prefix') {
    const config = {
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    await writeFile(file('kubeconfig'), JSON.stringify(config));
    return file('kubeconfig');
  }

  test('is that of the current context', async () => {
    const access = kubeAccess({ kubeconfig: await kubeconfig({ token: 'any' }) });
    expect(access.server.href).toBe('https://127.0.0.1:6443/prefix');
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer any' });
    await access.close();
  });

  test('takes a name and a password', async () => {
    const user = { username: 'me', password: 'any' };
    const access = kubeAccess({ kubeconfig: await kubeconfig(user) });
    const expected = `Basic ${Buffer.from('me:any').toString('base64')}`;
    expect((await access.credentials()).headers).toEqual({ authorization: expected });
    await access.close();
  });

  test('reads its token again when the API server did not accept it', async () => {
    await writeFile(file('token'), 'old\n');
    const user = { 'auth-provider': { name: 'file', config: { tokenFile: file('token') } } };
    const access = kubeAccess({ kubeconfig: await kubeconfig(user) });
    const header = async () => (await access.credentials()).headers.authorization;
    expect(await header()).toBe('Bearer old');
    await writeFile(file('token'), 'new\n');
    expect(await header()).toBe('Bearer old');
    access.forget();
    expect(await header()).toBe('Bearer new');
    await access.close();
  });

  test('keeps its connections as long as its certificates are the same', async () => {
    let now = 0;
    const path = await kubeconfig({ token: 'any' });
    const access = kubeAccess({ kubeconfig: path, now: () => now });
    const first = await access.credentials();
    now += 60_000;
    expect((await access.credentials()).requests).toBe(first.requests);
    await kubeconfig({
      token: 'any',
      'client-certificate-data': 'YW55',
      'client-key-data': 'YW55',
    });
    access.forget();
    expect((await access.credentials()).requests).not.toBe(first.requests);
    await access.close();
  });

  test('is refused without a server', async () => {
    const path = await kubeconfig({}, 'nowhere');
    expect(() => kubeAccess({ kubeconfig: path })).toThrow('names no API server');
  });
});
