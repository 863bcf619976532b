type Spec = Readonly<Record<string, unknown>>;

/** The least that each kind needs. */
export const least: Readonly<Record<string, Spec>> = {
  NatsCluster: {},
  Stream: { name: 'orders', storage: 'file' },
  Consumer: { streamName: 'orders', durableName: 'billing' },
  KeyValue: { bucket: 'stock' },
  ObjectStore: { bucket: 'invoices' },
  NatsUser: { clusterRef: { name: 'shop' }, role: {} },
  Account: { name: 'shop' },
};

export interface Refusal {
  readonly kind: string;
  /** What differs from the least spec. For an update: what is stored before it. */
  readonly given: Spec;
  /** Of an update: what is changed then; null takes a field away. */
  readonly change?: Spec;
  /** Part of the sentence that the API server answers. */
  readonly says: string;
}

function refused(kind: string, given: Spec, says: string): Refusal {
  return { kind, given, says };
}

function fixed(kind: string, given: Spec, change: Spec, says: string): Refusal {
  return { kind, given, change, says };
}

const assets = ['Stream', 'Consumer', 'KeyValue', 'ObjectStore'];
const shop = { clusterRef: { name: 'shop' } };
const elsewhere = { servers: ['nats://one:4222', 'nats://two:4222'] };
const push = { deliverSubject: 'to.me' };

const ofAssets = assets.flatMap((kind) => [
  refused(kind, { ...shop, account: 'shop' }, 'Give either clusterRef, or account'),
  refused(kind, { ...shop, ...elsewhere }, 'Give either clusterRef, or account'),
  refused(kind, { ...shop, creds: '/run/creds' }, 'Give either clusterRef, or account'),
  refused(kind, { clusterRef: { name: 'shop', account: 'SYS' } }, 'The account SYS belongs'),
  refused(kind, { clusterRef: { name: 'shop', account: 'a.b' } }, 'The name of an account has'),
  refused(kind, { account: 'a.b' }, 'The name of an Account has no dots'),
  fixed(kind, shop, { clusterRef: { name: 'other' } }, 'clusterRef never changes'),
  fixed(kind, shop, { clusterRef: { namespace: 'other' } }, 'clusterRef never changes'),
  fixed(kind, shop, { clusterRef: null, ...elsewhere }, 'clusterRef never changes'),
  fixed(kind, { account: 'one' }, { account: 'two' }, 'account never changes'),
  fixed(kind, {}, { account: 'two' }, 'account never changes'),
  fixed(kind, { jsDomain: 'hub' }, { jsDomain: 'leaf' }, 'jsDomain never changes'),
  fixed(kind, elsewhere, { servers: ['nats://three:4222'] }, 'must keep at least one address'),
  fixed(kind, elsewhere, { servers: [] }, 'must keep at least one address'),
]);

const mirror = { mirror: { name: 'origin' } };
const onlyRepeats = 'it only repeats its origin';
const counters = 'A stream of counters has discard old';
const ofStreams = [
  refused('Stream', { name: 'a.b' }, 'A name in NATS has no spaces, dots'),
  refused('Stream', { name: 'a/b' }, 'A name in NATS has no spaces, dots'),
  refused('Stream', { name: 'a b' }, 'A name in NATS has no spaces, dots'),
  refused('Stream', { name: 'a>' }, 'A name in NATS has no spaces, dots'),
  refused('Stream', { subjects: ['a..b'] }, 'A subject is tokens with dots'),
  refused('Stream', { maxAge: 'soon' }, 'A duration is a number with a unit'),
  refused('Stream', { maxBytes: 'lots' }, 'A size is a whole number'),
  refused('Stream', { ...mirror, mirror: { name: 'm', optStartTime: 'now' } }, 'RFC 3339'),
  refused('Stream', { replicas: 2 }, 'replicas is 1, 3 or 5'),
  refused('Stream', { ...mirror, subjects: ['a'] }, 'give either mirror or subjects'),
  refused('Stream', { ...mirror, sources: [{ name: 'a' }] }, 'give either mirror or sources'),
  ...[
    { firstSequence: 3 },
    { allowMsgCounter: true },
    { allowAtomicPublish: true },
    { allowBatchPublish: true },
    { allowMsgSchedules: true },
    { subjectDeleteMarkerTtl: '1m' },
  ].map((given) => refused('Stream', { ...mirror, ...given }, onlyRepeats)),
  refused('Stream', { discardPerSubject: true }, 'discardPerSubject needs discard new'),
  refused(
    'Stream',
    { discardPerSubject: true, discard: 'new' },
    'discardPerSubject needs discard new',
  ),
  refused('Stream', { denyPurge: true, allowRollup: true }, 'which denyPurge forbids'),
  refused('Stream', { allowMsgCounter: true, discard: 'new' }, counters),
  refused('Stream', { allowMsgCounter: true, retention: 'interest' }, counters),
  refused('Stream', { allowMsgCounter: true, allowMsgTtl: true }, counters),
  refused('Stream', { allowMsgSchedules: true, discard: 'new' }, 'needs discard old'),
  refused('Stream', { persistMode: 'async', replicas: 3 }, 'persistMode async needs'),
  refused('Stream', { persistMode: 'async', storage: 'memory' }, 'persistMode async needs'),
  fixed('Stream', {}, { name: 'other' }, 'a stream cannot be renamed'),
  fixed('Stream', {}, { storage: 'memory' }, 'storage never changes'),
  fixed('Stream', {}, { storage: null }, 'storage never changes'),
  fixed('Stream', {}, { retention: 'workqueue' }, 'to or from workqueue'),
  fixed('Stream', { retention: 'workqueue' }, { retention: 'interest' }, 'to or from workqueue'),
  ...['sealed', 'denyDelete', 'denyPurge', 'allowMsgTtl', 'allowMsgSchedules'].flatMap((field) =>
    [false, null].map((off) =>
      fixed('Stream', { [field]: true }, { [field]: off }, `${field} cannot be switched off`),
    ),
  ),
  fixed('Stream', {}, { persistMode: 'async' }, 'persistMode never changes'),
  fixed('Stream', {}, { allowMsgCounter: true }, 'allowMsgCounter never changes'),
  fixed('Stream', { allowMsgCounter: true }, { allowMsgCounter: false }, 'never changes'),
  fixed('Stream', {}, { firstSequence: 7 }, 'firstSequence never changes'),
  fixed('Stream', {}, mirror, 'mirror never changes'),
  fixed('Stream', mirror, { mirror: { name: 'other' } }, 'mirror never changes'),
];

const ofConsumers = [
  refused('Consumer', { durableName: 'a.b' }, 'A name in NATS has no spaces, dots'),
  refused('Consumer', { ackWait: '1 hour' }, 'A duration is a number with a unit'),
  refused('Consumer', { maxRequestMaxBytes: '1.5Mi' }, 'A size is a whole number'),
  refused('Consumer', { pauseUntil: 'tomorrow' }, 'RFC 3339'),
  refused('Consumer', { filterSubject: 'a b' }, 'A subject is tokens with dots'),
  refused('Consumer', { sampleFreq: 'often' }, 'sampleFreq is a percentage'),
  refused('Consumer', { priorityGroups: ['a b'] }, 'The name of a priority group'),
  refused('Consumer', { maxDeliver: 1, backoff: ['1s', '2s'] }, 'backoff has no more delays'),
  refused(
    'Consumer',
    { filterSubject: 'a', filterSubjects: ['b'] },
    'Give either filterSubject or filterSubjects',
  ),
  refused('Consumer', { deliverPolicy: 'byStartSequence' }, 'optStartSeq belongs to'),
  refused('Consumer', { optStartSeq: 4 }, 'optStartSeq belongs to'),
  refused('Consumer', { deliverPolicy: 'byStartTime' }, 'optStartTime belongs to'),
  refused('Consumer', { optStartTime: '2030-01-01T00:00:00Z' }, 'optStartTime belongs to'),
  refused('Consumer', { deliverPolicy: 'lastPerSubject' }, 'needs a filterSubject'),
  refused('Consumer', { flowControl: true, heartbeatInterval: '1s' }, 'need a deliverSubject'),
  refused('Consumer', { deliverGroup: 'all' }, 'need a deliverSubject'),
  refused('Consumer', { rateLimitBps: 1024 }, 'need a deliverSubject'),
  refused('Consumer', { ...push, flowControl: true }, 'flowControl needs a heartbeatInterval'),
  refused('Consumer', { ...push, maxWaiting: 5 }, 'maxWaiting counts pulls'),
  refused('Consumer', { ...push, maxAckPending: 5 }, 'maxAckPending counts'),
  refused('Consumer', { priorityPolicy: 'overflow' }, 'priorityPolicy needs one of'),
  refused('Consumer', { priorityGroups: ['a'] }, 'priorityGroups and pinnedTtl need'),
  refused('Consumer', { pinnedTtl: '1s' }, 'priorityGroups and pinnedTtl need'),
  refused('Consumer', { replicas: 4 }, 'replicas is 1, 3 or 5'),
  fixed('Consumer', {}, { streamName: 'other' }, 'streamName never changes'),
  fixed('Consumer', {}, { durableName: 'other' }, 'durableName never changes'),
  fixed('Consumer', {}, { deliverPolicy: 'new' }, 'deliverPolicy never changes'),
  fixed(
    'Consumer',
    { deliverPolicy: 'byStartSequence', optStartSeq: 4 },
    { optStartSeq: 5 },
    'optStartSeq never changes',
  ),
  fixed(
    'Consumer',
    { deliverPolicy: 'byStartTime', optStartTime: '2030-01-01T00:00:00Z' },
    { optStartTime: '2031-01-01T00:00:00Z' },
    'optStartTime never changes',
  ),
  fixed('Consumer', {}, { ackPolicy: 'explicit' }, 'ackPolicy never changes'),
  fixed('Consumer', {}, { replayPolicy: 'original' }, 'replayPolicy never changes'),
  fixed(
    'Consumer',
    { ...push, flowControl: true, heartbeatInterval: '1s' },
    { flowControl: false },
    'flowControl never changes',
  ),
  fixed(
    'Consumer',
    { ...push, heartbeatInterval: '1s' },
    { heartbeatInterval: '2s' },
    'heartbeatInterval never changes',
  ),
  fixed('Consumer', {}, { maxWaiting: 5 }, 'maxWaiting never changes'),
  fixed('Consumer', {}, { memStorage: true }, 'memStorage never changes'),
  fixed('Consumer', {}, push, 'never becomes one that is pushed to'),
  fixed('Consumer', push, { deliverSubject: null }, 'never becomes one that is pushed to'),
];

const ofBuckets = [
  ...['KeyValue', 'ObjectStore'].flatMap((kind) => [
    refused(kind, { bucket: 'a.b' }, 'The name of a bucket has'),
    refused(kind, { maxBytes: 'lots' }, 'A size is a whole number'),
    refused(kind, { ttl: 'soon' }, 'A duration is a number with a unit'),
    refused(kind, { replicas: 4 }, 'replicas is 1, 3 or 5'),
    fixed(kind, {}, { bucket: 'other' }, 'bucket never changes'),
    fixed(kind, {}, { storage: 'memory' }, 'storage never changes'),
  ]),
  refused('KeyValue', { limitMarkerTtl: 'soon' }, 'A duration is a number with a unit'),
  refused('KeyValue', { ...mirror, sources: [{ name: 'a' }] }, 'give either mirror or sources'),
  refused('KeyValue', { mirror: { name: 'a.b' } }, 'A name in NATS has no spaces, dots'),
  refused('KeyValue', { mirror: { name: 'm', filterSubject: 'a b' } }, 'A subject is tokens'),
  refused('KeyValue', { mirror: { name: 'm', optStartTime: 'now' } }, 'RFC 3339'),
  fixed('KeyValue', mirror, { mirror: { name: 'other' } }, 'mirror never changes'),
];

const permissions = { permissions: { publish: { allow: ['a'] } } };
const ofUsers = [
  refused('NatsUser', { role: undefined }, 'exactly one of role and permissions'),
  refused('NatsUser', permissions, 'exactly one of role and permissions'),
  refused('NatsUser', { rotation: { every: '1h' } }, 'must be longer than rotation.overlap'),
  refused('NatsUser', { rotation: { every: '7d' } }, 'A duration here is whole numbers'),
  refused('NatsUser', { inboxPrefix: 'a.>' }, 'inboxPrefix has no wildcards'),
  refused('NatsUser', { role: { publishes: ['a b'] } }, 'A subject is tokens with dots'),
  refused('NatsUser', { role: { manages: ['a.b'] } }, 'A name in NATS has no spaces, dots'),
  refused('NatsUser', { clusterRef: { name: 'shop', account: 'SYS' } }, 'The account SYS belongs'),
  refused('NatsUser', { clusterRef: { name: 'shop', account: 'a.b' } }, 'The name of an account'),
  fixed('NatsUser', {}, { clusterRef: { name: 'other' } }, 'clusterRef never changes'),
  refused('Account', { name: 'a.b' }, 'The name of an account has no dots'),
  refused(
    'Account',
    { creds: { file: '/run/creds' }, token: { secret: { name: 'token' } } },
    'Give one of creds, nkey, token and user',
  ),
];

const spread = { allowedNamespaces: { from: 'Same', names: ['other'] } };
const gp3 = { storage: { className: 'gp3' } };
const ofClusters = [
  refused('NatsCluster', { replicas: 2 }, 'replicas is 1, 3 or 5'),
  refused('NatsCluster', { replicas: 4 }, 'replicas is 1, 3 or 5'),
  refused('NatsCluster', { version: 'latest' }, 'version has three numbers'),
  refused('NatsCluster', { version: '2.11.9' }, 'version must be 2.12.0 or later'),
  refused('NatsCluster', { version: '1.99.0' }, 'version must be 2.12.0 or later'),
  refused('NatsCluster', { storage: { size: 'big' } }, 'A quantity is a number'),
  refused('NatsCluster', { storage: { size: '0' } }, 'storage.size must be above 0'),
  refused('NatsCluster', { storage: { syncInterval: 'rarely' } }, 'syncInterval is always'),
  refused('NatsCluster', { accounts: [{ name: 'SYS' }] }, 'The account SYS is always there'),
  refused('NatsCluster', { accounts: [{ name: 'a b' }] }, 'The name of an account has'),
  refused('NatsCluster', { accounts: [{ name: 'A' }, { name: 'A' }] }, 'Duplicate value'),
  refused('NatsCluster', { anonymousAccount: 'NONE' }, 'must be one of accounts'),
  refused('NatsCluster', { tls: { mode: 'Secret' } }, 'tls.secretName belongs to'),
  refused('NatsCluster', { tls: { secretName: 'mine' } }, 'tls.secretName belongs to'),
  refused('NatsCluster', { tls: { mode: 'CertManager' } }, 'tls.issuerRef belongs to'),
  refused('NatsCluster', { tls: { duration: '24h' } }, 'must be shorter than tls.duration'),
  refused('NatsCluster', { tls: { duration: '90d' } }, 'A duration here is whole numbers'),
  refused('NatsCluster', { lameDuck: { graceSeconds: 30 } }, 'must be below lameDuck.duration'),
  refused('NatsCluster', spread, 'allowedNamespaces.names belongs to'),
  refused('NatsCluster', { resources: { limits: { cpu: 1 } } }, 'resources.limits needs memory'),
  fixed('NatsCluster', {}, { storage: { size: '9Gi' } }, 'storage.size never shrinks'),
  fixed('NatsCluster', {}, { storage: { size: 10_000_000_000 } }, 'storage.size never shrinks'),
  fixed('NatsCluster', {}, { tls: { mode: 'Disabled' } }, 'cannot be switched on or off'),
  fixed('NatsCluster', {}, gp3, 'storage.className never changes'),
  fixed('NatsCluster', gp3, { storage: { className: null } }, 'storage.className never changes'),
];

export const refusals: readonly Refusal[] = [
  ...ofAssets,
  ...ofStreams,
  ...ofConsumers,
  ...ofBuckets,
  ...ofUsers,
  ...ofClusters,
];
