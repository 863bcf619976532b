import { consumers } from '../api/kinds.ts';
import type { Cache } from '../control/cache.ts';
import { type Key, type KubeObject, keyOf, type Resource } from '../control/objects.ts';
import type { Connections } from './connections.ts';
import type { JetStream, Link } from './jet-stream.ts';
import type { DefaultConnection } from './place.ts';
import { namedAlike, streamLike, streamNameOf, targetOfObject } from './rivals.ts';
import { isReady } from './standing.ts';
import type { Message } from './subscriptions.ts';

const prefix = '$JS.EVENT.ADVISORY.';
const audit = `${prefix}API`;
const events = [
  'STREAM.CREATED.*',
  'STREAM.UPDATED.*',
  'STREAM.DELETED.*',
  'STREAM.QUORUM_LOST.*',
  'CONSUMER.CREATED.*.*',
  'CONSUMER.DELETED.*.*',
  'CONSUMER.PAUSE.*.*',
  'CONSUMER.QUORUM_LOST.*.*',
];

export interface AdvisoriesOptions {
  readonly connections: Connections;
  readonly cache: Cache;
  readonly enqueue: (resource: Resource, key: Key) => void;
  readonly defaultConnection?: DefaultConnection;
}

/**
 * Has the objects looked at whose assets somebody else has changed, as soon as the server tells
 * of it, and all objects of a connection when it is there again. Advisories may get lost; the
 * resync finds what they missed. Returns how to end it.
 */
export function followAdvisories(options: AdvisoriesOptions): () => void {
  return options.connections.onOpened((jetStream) => {
    for (const event of events) {
      jetStream.subscribe(`${prefix}${event}`, ({ subject }) =>
        onAdvisory(subject.slice(prefix.length), jetStream.link, options),
      );
    }
    jetStream.subscribe(audit, (message) => onAudit(message, jetStream.link, options));
    jetStream.onReconnect(() => enqueueAll(jetStream, options));
  });
}

function onAdvisory(advisory: string, link: Link, options: AdvisoriesOptions): void {
  const [kind, action, stream = '', consumer] = advisory.split('.');
  const isOwn = link.expected.take(advisory);
  if (kind === 'CONSUMER') {
    if (!isOwn) enqueueNamed(`${stream}/${consumer}`, [consumers], link, options);
    return;
  }
  if (!isOwn) enqueueNamed(stream, streamLike, link, options);
  // With their stream, all consumers go; those that wait for it may come.
  if (action === 'CREATED') enqueueConsumers(stream, link, options, (each) => !isReady(each));
  if (action === 'DELETED' && !isOwn) enqueueConsumers(stream, link, options, () => true);
}

const consumerApi = /\.API\.CONSUMER\.(?:DURABLE\.)?CREATE\.([^.]+)\.([^.]+)/;
const deletionApi = /\.API\.STREAM\.DELETE\.([^.]+)$/;

/**
 * The server tells of each API request. That is all there is of the change of a consumer, and at
 * times of the deletion of a stream: its own advisory is lost when the stream ends before it is
 * sent (seen with 2.15.1, once in thirty).
 */
function onAudit(message: Message, link: Link, options: AdvisoriesOptions): void {
  const text = message.text();
  const subject = /"subject":"([^"]*)"/.exec(text)?.[1] ?? '';
  const [, deleted] = deletionApi.exec(subject) ?? [];
  const [, stream, consumer] = consumerApi.exec(subject) ?? [];
  if ((deleted ?? consumer) === undefined || isRefusal(text)) return;
  if (deleted !== undefined) {
    if (link.expected.take(`STREAM.ENDED.${deleted}`)) return;
    enqueueNamed(deleted, streamLike, link, options);
    enqueueConsumers(deleted, link, options, () => true);
    return;
  }
  if (link.expected.take(`CONSUMER.CHANGED.${stream}.${consumer}`)) return;
  enqueueNamed(`${stream}/${consumer}`, [consumers], link, options);
}

/** The answer is JSON in a string of JSON. */
function isRefusal(text: string): boolean {
  return text.includes(String.raw`\"error\":{`);
}

function enqueueNamed(
  assetId: string,
  resources: readonly Resource[],
  link: Link,
  { cache, enqueue, defaultConnection }: AdvisoriesOptions,
): void {
  for (const resource of resources) {
    for (const object of namedAlike(assetId, [resource], cache)) {
      if (isOn(link, object, cache, defaultConnection)) enqueue(resource, keyOf(object));
    }
  }
}

function enqueueConsumers(
  stream: string,
  link: Link,
  { cache, enqueue, defaultConnection }: AdvisoriesOptions,
  isMeant: (object: KubeObject) => boolean,
): void {
  for (const object of cache.find(consumers, streamNameOf, stream)) {
    if (!isMeant(object)) continue;
    if (isOn(link, object, cache, defaultConnection)) enqueue(consumers, keyOf(object));
  }
}

function enqueueAll(
  { link }: JetStream,
  { cache, enqueue, defaultConnection }: AdvisoriesOptions,
): void {
  for (const resource of [...streamLike, consumers]) {
    for (const object of cache.list(resource)) {
      if (isOn(link, object, cache, defaultConnection)) enqueue(resource, keyOf(object));
    }
  }
}

function isOn(
  link: Link,
  object: KubeObject,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): boolean {
  const target = targetOfObject(object, cache, byDefault);
  return target !== undefined && link.targets.has(target);
}
