import { objectStores } from '../api/kinds.ts';
import { type ObjectStoreSpec, objectStoreSpec } from '../api/object-store.ts';
import { numberOf } from '../api/quantity.ts';
import { specOf } from '../api/read.ts';
import { streamSpec } from '../api/stream.ts';
import { type AssetDefinition, assetKind } from './asset-kind.ts';
import type { AssetParts } from './asset-watches.ts';
import type { Wanted } from './differences.ts';
import { foundStream, type StreamState } from './found.ts';
import { remembered } from './remembered.ts';
import { streamLike } from './rivals.ts';
import { streamRequests } from './stream.ts';
import { immutableInStream, limitOf, wantedStream } from './stream-config.ts';

const objectStore: AssetDefinition<ObjectStoreSpec> = {
  resource: objectStores,
  rivals: streamLike,
  specOf: remembered((object) => specOf(objectStoreSpec, object)),
  assetIdOf: ({ bucket }) => streamNameOf(bucket),
  whatOf: ({ bucket }) => `object store ${bucket}`,
  specNames: { num_replicas: 'replicas', max_age: 'ttl' },
  wantedOf: wantedObjectStore,
  immutable: immutableInStream,
  foundOf: (answer) => foundStream(answer, figuresOf),
  infoApi: ({ bucket }) => `STREAM.INFO.${streamNameOf(bucket)}`,
  requests: ({ bucket }, action) => streamRequests(streamNameOf(bucket), action),
};

export const objectStoreKind = (parts: AssetParts) => assetKind(objectStore, parts);

function streamNameOf(bucket: string): string {
  return `OBJ_${bucket}`;
}

/** The stream that every client of NATS takes for an object store (ADR-20 of NATS). */
export function wantedObjectStore(
  spec: ObjectStoreSpec,
  stamp: Readonly<Record<string, string>>,
): Wanted {
  const stream = streamSpec.parse({
    name: streamNameOf(spec.bucket),
    description: spec.description,
    subjects: [`$O.${spec.bucket}.C.>`, `$O.${spec.bucket}.M.>`],
    maxBytes: limitOf(numberOf(spec.maxBytes)),
    maxAge: spec.ttl,
    discard: 'new',
    storage: spec.storage,
    replicas: spec.replicas,
    placement: spec.placement,
    compression: spec.compression ? 's2' : 'none',
    allowRollup: true,
    allowDirect: true,
    metadata: spec.metadata,
  });
  return wantedStream(stream, stamp);
}

function figuresOf(state: StreamState) {
  return { bytes: state.bytes, chunks: state.messages, lastSeq: state.last_seq };
}
