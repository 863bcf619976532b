import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { digestOf } from './image-registry.ts';
import { freePort } from './ports.ts';

const digest = `sha256:${'a'.repeat(64)}`;
let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function registry(handle: RequestListener): Promise<string> {
  const port = await freePort();
  server = createServer(handle);
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
  return `127.0.0.1:${port}`;
}

test('takes the digest that the registry says, of the image for all platforms', async () => {
  const asked: unknown[] = [];
  const host = await registry((request, answer) => {
    asked.push([request.method, request.url, request.headers.accept?.split(', ')[0]]);
    answer.setHeader('docker-content-digest', digest).end();
  });
  expect(await digestOf(`${host}/library/node:24`)).toBe(digest);
  const index = 'application/vnd.oci.image.index.v1+json';
  expect(asked).toEqual([['HEAD', '/v2/library/node/manifests/24', index]]);
});

test('gets an anonymous token where the registry asks for one', async () => {
  const host = await registry((request, answer) => {
    if (request.url === '/token?service=here&scope=pull') {
      answer.end(JSON.stringify({ token: 'read' }));
    } else if (request.headers.authorization === 'Bearer read') {
      answer.setHeader('docker-content-digest', digest).end();
    } else {
      const challenge = `Bearer realm="http://${host}/token",service="here",scope="pull"`;
      answer.writeHead(401, { 'www-authenticate': challenge }).end();
    }
  });
  expect(await digestOf(`${host}/library/node:24`)).toBe(digest);
});

const answers: readonly (readonly [string, RequestListener, RegExp])[] = [
  ['has no such image', (_, a) => a.writeHead(404).end(), /^No digest for .*: .* answers 404\.$/],
  ['says no digest', (_, a) => a.end(), /^No digest for .*: its registry does not say\.$/],
  [
    'says something else',
    (_, a) => a.setHeader('docker-content-digest', 'sha256:short').end(),
    /^No digest for .*: its registry does not say\.$/,
  ],
  ['wants an account', (_, a) => a.writeHead(401).end(), /lets nobody read without an account\.$/],
];
test.each(answers)('tells in one sentence that the registry %s', async (_, handle, sentence) => {
  const host = await registry(handle);
  await expect(digestOf(`${host}/library/node:24`)).rejects.toThrow(sentence);
});

test('tells in one sentence that the registry cannot be reached', async () => {
  const host = `127.0.0.1:${await freePort()}`;
  await expect(digestOf(`${host}/library/node:24`)).rejects.toThrow(
    new RegExp(`^The registry ${host} cannot be reached\\.$`),
  );
});
