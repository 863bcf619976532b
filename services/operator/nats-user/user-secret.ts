import { publicKeyOf } from '@windlass/runtime/broker/nkeys.ts';
import { secret, secrets } from '../api/core.ts';
import { natsUsers } from '../api/kinds.ts';
import { apiVersionOf, type KubeObject } from '../control/objects.ts';
import type { KeyRecord, PreviousKey, StoredKeys } from './key-rotation.ts';

/** Keys of the Secret. Programs read all but the second seed, which is not valid yet. */
export const fields = {
  seed: 'nkey.seed',
  nextSeed: 'next.nkey.seed',
  publicKey: 'nkey.public',
  url: 'url',
  account: 'account',
  inboxPrefix: 'inbox-prefix',
  ca: 'ca.crt',
} as const;

const annotations = {
  since: 'windlass.dev/rotated-at',
  previous: 'windlass.dev/previous-keys',
  rotated: 'windlass.dev/rotated',
} as const;

/** By this label the operator keeps the Secrets of users in its cache, and no others for it. */
export const userLabel = 'windlass.dev/nats-user';
const labels = { 'app.kubernetes.io/managed-by': 'windlass', [userLabel]: 'true' };

/** What a program needs besides its key to connect. Nothing of it is secret. */
export interface ConnectionValues {
  readonly url: string;
  readonly account: string;
  readonly inboxPrefix: string;
  readonly ca: string | undefined;
}

/** Never logged, never in a status. */
export interface Seeds {
  readonly current: string;
  readonly next: string | undefined;
}

export interface StoredUser {
  readonly keys: StoredKeys;
  readonly values: ConnectionValues;
  readonly resourceVersion: string | undefined;
}

/** Whether it was made for this very object, for one of its name before it, or by others. */
export function ownerOf(object: KubeObject, user: KubeObject): 'ours' | 'former' | 'others' {
  const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner?.kind !== natsUsers.kind || owner.name !== user.metadata.name) return 'others';
  return owner.uid === user.metadata.uid ? 'ours' : 'former';
}

/** A seed that cannot be read, or is another than the one that was written, is spoilt. */
export function readUser(object: KubeObject): StoredUser {
  const text = textsOf(object);
  const stated = object.metadata.annotations ?? {};
  const current = publicKeyIn(text(fields.seed));
  const since = Date.parse(stated[annotations.since] ?? '');
  return {
    keys: {
      current: current === text(fields.publicKey) ? current : undefined,
      next: publicKeyIn(text(fields.nextSeed)),
      since: Number.isNaN(since) ? undefined : since,
      previous: previousIn(stated[annotations.previous] ?? ''),
      rotated: stated[annotations.rotated],
    },
    values: {
      url: text(fields.url),
      account: text(fields.account),
      inboxPrefix: text(fields.inboxPrefix),
      ca: text(fields.ca) || undefined,
    },
    resourceVersion: object.metadata.resourceVersion,
  };
}

/** Only for `readUser`'s objects, and only where a seed is needed. */
export function seedsOf(object: KubeObject): Seeds {
  const text = textsOf(object);
  return { current: text(fields.seed), next: text(fields.nextSeed) || undefined };
}

export function renderUser(
  user: KubeObject,
  name: string,
  content: {
    readonly seeds: Seeds;
    readonly record: KeyRecord;
    readonly values: ConnectionValues;
  },
): KubeObject {
  const { seeds, record, values } = content;
  const { since, previous, rotated } = record;
  const texts = {
    [fields.seed]: seeds.current,
    [fields.nextSeed]: seeds.next,
    [fields.publicKey]: publicKeyOf(seeds.current),
    [fields.url]: values.url,
    [fields.account]: values.account,
    [fields.inboxPrefix]: values.inboxPrefix,
    [fields.ca]: values.ca,
  };
  const stated = {
    [annotations.since]: since === undefined ? undefined : new Date(since).toISOString(),
    [annotations.previous]: previous.length === 0 ? undefined : previousText(previous),
    [annotations.rotated]: rotated,
  };
  return {
    apiVersion: apiVersionOf(secrets),
    kind: secrets.kind,
    type: 'Opaque',
    metadata: {
      name,
      namespace: user.metadata.namespace ?? '',
      labels,
      annotations: present(stated),
      ownerReferences: [
        {
          apiVersion: apiVersionOf(natsUsers),
          kind: natsUsers.kind,
          name: user.metadata.name,
          uid: user.metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    data: present(texts, (text) => Buffer.from(text).toString('base64')),
  };
}

export function areEqual(a: ConnectionValues, b: ConnectionValues): boolean {
  return (
    a.url === b.url && a.account === b.account && a.inboxPrefix === b.inboxPrefix && a.ca === b.ca
  );
}

function present(
  entries: Readonly<Record<string, string | undefined>>,
  encoded: (text: string) => string = (text) => text,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, encoded(text)]],
    ),
  );
}

function textsOf(object: KubeObject): (key: string) => string {
  const data = secret.safeParse(object).data?.data ?? {};
  return (key) => data[key]?.toString() ?? '';
}

function publicKeyIn(seed: string): string | undefined {
  try {
    return seed === '' ? undefined : publicKeyOf(seed);
  } catch {
    return undefined;
  }
}

/** `<public key>=<RFC 3339>`, separated by blanks. */
function previousText(previous: readonly PreviousKey[]): string {
  return previous
    .map(({ publicKey, until }) => `${publicKey}=${new Date(until).toISOString()}`)
    .join(' ');
}

function previousIn(text: string): PreviousKey[] {
  return text.split(' ').flatMap((entry) => {
    const [publicKey = '', until = ''] = entry.split('=');
    const at = Date.parse(until);
    return publicKey === '' || Number.isNaN(at) ? [] : [{ publicKey, until: at }];
  });
}
