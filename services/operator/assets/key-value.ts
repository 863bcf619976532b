import { nanosecondsOf } from '../api/duration.ts';
import { type KeyValueSpec, keyValueSpec } from '../api/key-value.ts';
import { keyValues } from '../api/kinds.ts';
import { numberOf } from '../api/quantity.ts';
import { specOf } from '../api/read.ts';
import type { StreamSource } from '../api/replication.ts';
import { streamSpec } from '../api/stream.ts';
import { type AssetDefinition, assetKind } from './asset-kind.ts';
import type { AssetParts } from './asset-watches.ts';
import type { Wanted } from './differences.ts';
import { foundStream, type StreamState } from './found.ts';
import { remembered } from './remembered.ts';
import { streamLike } from './rivals.ts';
import { streamRequests } from './stream.ts';
import { immutableInStream, limitOf, wantedStream } from './stream-config.ts';

/** As of the clients; the server has one only for a stream without sources. */
const defaultWindow = '2m';

const keyValue: AssetDefinition<KeyValueSpec> = {
  resource: keyValues,
  rivals: streamLike,
  specOf: remembered((object) => specOf(keyValueSpec, object)),
  assetIdOf: ({ bucket }) => streamNameOf(bucket),
  whatOf: ({ bucket }) => `bucket ${bucket}`,
  specNames: {
    num_replicas: 'replicas',
    max_msgs_per_subject: 'history',
    max_msg_size: 'maxValueSize',
    max_age: 'ttl',
    subject_delete_marker_ttl: 'limitMarkerTtl',
  },
  wantedOf: wantedBucket,
  immutable: immutableInStream,
  foundOf: (answer) => foundStream(answer, figuresOf),
  infoApi: ({ bucket }) => `STREAM.INFO.${streamNameOf(bucket)}`,
  requests: ({ bucket }, action) => streamRequests(streamNameOf(bucket), action),
};

export const keyValueKind = (parts: AssetParts) => assetKind(keyValue, parts);

function streamNameOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** The stream that every client of NATS takes for a bucket (ADR-8 of NATS). */
export function wantedBucket(spec: KeyValueSpec, stamp: Readonly<Record<string, string>>): Wanted {
  const { bucket, limitMarkerTtl } = spec;
  const marker = typeof limitMarkerTtl === 'number' ? `${limitMarkerTtl}ns` : limitMarkerTtl;
  const ttlNs = nanosecondsOf(spec.ttl);
  const isShort = ttlNs > 0 && ttlNs < nanosecondsOf(defaultWindow);
  const isCopy = spec.mirror !== undefined;
  const stream = streamSpec.parse({
    name: streamNameOf(bucket),
    description: spec.description,
    subjects: isCopy ? [] : [`$KV.${bucket}.>`],
    maxMsgsPerSubject: Math.max(spec.history, 1),
    maxBytes: limitOf(numberOf(spec.maxBytes)),
    maxMsgSize: limitOf(numberOf(spec.maxValueSize)),
    maxAge: spec.ttl,
    duplicateWindow: isShort ? spec.ttl : defaultWindow,
    discard: 'new',
    storage: spec.storage,
    replicas: spec.replicas,
    placement: spec.placement,
    republish: spec.republish,
    compression: spec.compression ? 's2' : 'none',
    allowRollup: true,
    denyDelete: true,
    allowDirect: true,
    mirrorDirect: isCopy,
    allowMsgTtl: nanosecondsOf(marker) > 0,
    subjectDeleteMarkerTtl: marker,
    metadata: spec.metadata,
    ...(spec.mirror === undefined ? {} : { mirror: bucketSource(spec.mirror) }),
    sources: (spec.sources ?? []).map((source) => bucketSourceInto(source, bucket)),
  });
  return wantedStream(stream, stamp);
}

/** Buckets may be named with or without the prefix of their stream. */
function bucketSource(source: StreamSource): StreamSource {
  return source.name.startsWith('KV_') ? source : { ...source, name: streamNameOf(source.name) };
}

/** Keys of another bucket come under the name of this one. */
function bucketSourceInto(source: StreamSource, bucket: string): StreamSource {
  const named = bucketSource(source);
  const other = named.name.slice('KV_'.length);
  const isMapped = (source.subjectTransforms ?? []).length > 0;
  if (isMapped || (source.externalApiPrefix && other === bucket)) return named;
  const subjectTransforms = [{ source: `$KV.${other}.>`, dest: `$KV.${bucket}.>` }];
  return { ...named, subjectTransforms };
}

function figuresOf(state: StreamState) {
  return {
    values: state.messages,
    keys: state.num_subjects,
    bytes: state.bytes,
    lastSeq: state.last_seq,
  };
}
