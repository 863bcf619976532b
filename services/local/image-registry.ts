import { z } from 'zod';

const timeoutMs = 20_000;
/** Of one image for several platforms first: its digest is good on all of them. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const tokenAnswer = z.union([
  z.object({ token: z.string() }).transform(({ token }) => token),
  z.object({ access_token: z.string() }).transform((answer) => answer.access_token),
]);

/** Where the registry of that name answers; Docker's has another host than name. */
const hosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** Registries on this machine, for tests, do not speak TLS. */
function originOf(registry: string): string {
  const host = hosts[registry] ?? registry;
  const isLocal = /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host);
  return `${isLocal ? 'http' : 'https'}://${host}`;
}

/**
 * The digest that an image such as `gcr.io/distroless/nodejs24-debian12:nonroot` has in its
 * registry now. Takes an anonymous token where the registry asks for one. Throws one sentence when
 * the registry cannot be reached or has no such image.
 */
export async function digestOf(image: string): Promise<string> {
  const [, registry, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  if (registry === undefined || name === undefined || tag === undefined) {
    throw new Error(`${image} does not name a registry, an image and a tag.`);
  }
  const address = `${originOf(registry)}/v2/${name}/manifests/${tag}`;
  const failed = (why: string) => new Error(`No digest for ${image}: ${why}.`);
  const ask = async (token?: string) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return await fetched(registry, address, {
      method: 'HEAD',
      headers: { accept: manifestTypes, ...authorization },
    });
  };
  let answer = await ask();
  if (answer.status === 401) answer = await ask(await anonymousToken(registry, answer));
  if (answer.status !== 200) throw failed(`its registry answers ${answer.status}`);
  const parsed = digest.safeParse(answer.headers.get('docker-content-digest'));
  if (!parsed.success) throw failed('its registry does not say');
  return parsed.data;
}

/** What the challenge of the registry says how to get: `Bearer realm="…",service="…",scope="…"`. */
async function anonymousToken(registry: string, refused: Response): Promise<string> {
  const challenge = refused.headers.get('www-authenticate') ?? '';
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
  const realm = fields.get('realm');
  if (!challenge.startsWith('Bearer ') || realm === undefined || !URL.canParse(realm)) {
    throw new Error(`The registry ${registry} lets nobody read without an account.`);
  }
  const address = new URL(realm);
  for (const name of ['service', 'scope']) {
    const value = fields.get(name);
    if (value !== undefined) address.searchParams.set(name, value);
  }
  const answer = await fetched(registry, address.href, {});
  const parsed = tokenAnswer.safeParse(answer.ok ? await answer.json() : undefined);
  if (parsed.success) return parsed.data;
  throw new Error(`The registry ${registry} gives no token to read with.`);
}

async function fetched(registry: string, address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    throw new Error(`The registry ${registry} cannot be reached.`, { cause });
  }
}
