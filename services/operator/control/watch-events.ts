import { KubeError, watchErrorOf } from './kube-error.ts';
import type { KubeObject, Resource } from './objects.ts';
import { isRecord, objectOf } from './received.ts';

/** Twice what etcd stores of one object, as JSON. */
const lineMaxBytes = 8 * 1024 * 1024;
const newline = 0x0a;

export type WatchEvent =
  | { readonly type: 'changed'; readonly object: KubeObject }
  | { readonly type: 'deleted'; readonly object: KubeObject }
  /** Nothing has changed up to this version. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

/** Rejects with the failure that the server sends as the last event of a watch. */
export async function* watchEvents(
  resource: Resource,
  body: AsyncIterable<Buffer>,
): AsyncGenerator<WatchEvent> {
  for await (const line of linesOf(body)) yield eventOf(resource, line);
}

function eventOf(resource: Resource, line: string): WatchEvent {
  const event: unknown = JSON.parse(line);
  if (!isRecord(event)) throw broken('a watch event is no object');
  const { type, object } = event;
  if (type === 'ERROR') throw watchErrorOf(object);
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: versionOf(object) };
  if (type === 'DELETED') return { type: 'deleted', object: objectOf(resource, object) };
  return { type: 'changed', object: objectOf(resource, object) };
}

function versionOf(object: unknown): string {
  const metadata = isRecord(object) ? object.metadata : undefined;
  const version = isRecord(metadata) ? metadata.resourceVersion : undefined;
  if (typeof version !== 'string') throw broken('a bookmark has no version');
  return version;
}

/** An unfinished last line is left out: the connection broke in it. */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > lineMaxBytes) throw broken('a watch event is too long');
  }
}

function broken(message: string): KubeError {
  return new KubeError(message, { status: 0, reason: 'Unreachable' });
}
