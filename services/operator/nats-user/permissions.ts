/** What a user may do, in the words of its spec. A role and explicit permissions add up. */
export interface Rights {
  readonly clusterRef?: { readonly namespace?: string | undefined } | undefined;
  readonly role?: Role | undefined;
  readonly permissions?: ExplicitPermissions | undefined;
  readonly inboxPrefix?: string | undefined;
}

export interface Role {
  /** Durable consumers whose messages it takes and settles. */
  readonly pulls?: readonly { readonly stream: string; readonly consumer: string }[] | undefined;
  /** Subjects that it publishes to; wildcards are allowed. */
  readonly publishes?: readonly string[] | undefined;
  /** Subjects of core NATS that it listens to, besides its own inbox. */
  readonly subscribes?: readonly string[] | undefined;
  /**
   * Streams that it creates, changes, reads and deletes, with their consumers. Such a user can
   * read every stream of its account: a stream may name any other as its source.
   */
  readonly manages?: readonly string[] | undefined;
}

interface ExplicitPermissions {
  readonly publish?: ExplicitSubjects | undefined;
  readonly subscribe?: ExplicitSubjects | undefined;
  readonly allowResponses?: Responses | undefined;
}

interface ExplicitSubjects {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/** How often and how long a user may answer on the reply subject of what it received. */
export interface Responses {
  readonly max?: number | undefined;
  readonly expires?: string | undefined;
}

/** Subjects as nats.conf lists them. */
export interface Subjects {
  readonly allow: readonly string[];
  readonly deny?: readonly string[];
}

/** The `permissions` of a user in nats.conf, sorted, so that equal rights are equal text. */
export interface Permissions {
  readonly publish: Subjects;
  readonly subscribe: Subjects;
  readonly allowResponses?: Responses;
}

export interface Owner {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/**
 * The least that a user needs for what its spec says. Whatever it names, it may subscribe to its
 * own inbox, which answers and pulled messages come to, and to nobody else's.
 */
export function permissionsOf(spec: Rights, owner: Owner): Permissions {
  const { role = {}, permissions = {} } = spec;
  const publish = [
    ...(role.pulls ?? []).flatMap(pullSubjects),
    ...(role.publishes ?? []),
    ...(role.manages ?? []).flatMap(manageSubjects),
    ...(permissions.publish?.allow ?? []),
  ];
  const subscribe = [
    `${inboxPrefixOf(spec, owner)}.>`,
    ...(role.subscribes ?? []),
    ...(permissions.subscribe?.allow ?? []),
  ];
  return {
    publish: subjects(publish, permissions.publish?.deny),
    subscribe: subjects(subscribe, permissions.subscribe?.deny),
    ...(permissions.allowResponses === undefined
      ? {}
      : { allowResponses: permissions.allowResponses }),
  };
}

/**
 * `_INBOX_<name>`, which is what a service of this platform uses by itself, and
 * `_INBOX_<namespace>__<name>` for a user of another namespace than its cluster's. No two users
 * of a cluster share one, nor is one the beginning of another: a dot of a name would be.
 */
export function inboxPrefixOf(spec: Rights, { name, namespace }: Owner): string {
  if (spec.inboxPrefix !== undefined) return spec.inboxPrefix;
  const token = name.replaceAll('.', '_');
  const cluster = spec.clusterRef?.namespace;
  const isGuest = cluster !== undefined && namespace !== undefined && cluster !== namespace;
  return isGuest ? `_INBOX_${namespace}__${token}` : `_INBOX_${token}`;
}

/** Both forms of the ack subject: newer servers put the domain and the account in front. */
function pullSubjects({ stream, consumer }: { stream: string; consumer: string }): string[] {
  return [
    `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
    `$JS.ACK.*.*.${stream}.${consumer}.>`,
  ];
}

/** Not among them: what moves replicas (the operator does), snapshot and restore. */
function manageSubjects(stream: string): string[] {
  const ofStream = ['CREATE', 'UPDATE', 'INFO', 'PURGE', 'DELETE', 'MSG.GET', 'MSG.DELETE'];
  const ofConsumers = ['LIST', 'NAMES', 'CREATE'];
  const ofConsumer = ['CREATE', 'DURABLE.CREATE', 'INFO', 'DELETE', 'PAUSE', 'RESET', 'MSG.NEXT'];
  return [
    '$JS.API.INFO',
    ...ofStream.map((api) => `$JS.API.STREAM.${api}.${stream}`),
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    ...ofConsumers.map((api) => `$JS.API.CONSUMER.${api}.${stream}`),
    ...ofConsumer.map((api) => `$JS.API.CONSUMER.${api}.${stream}.>`),
    `$JS.ACK.${stream}.>`,
    `$JS.ACK.*.*.${stream}.>`,
  ];
}

/** A server takes an empty list for no restriction, so nothing is said as a denial of all. */
function subjects(allow: readonly string[], deny: readonly string[] = []): Subjects {
  const denied = allow.length === 0 ? ['>'] : sorted(deny);
  return { allow: sorted(allow), ...(denied.length === 0 ? {} : { deny: denied }) };
}

function sorted(list: readonly string[]): string[] {
  return [...new Set(list)].sort();
}
