import { streams } from '../api/kinds.ts';
import { specOf } from '../api/read.ts';
import { type StreamSpec, streamSpec } from '../api/stream.ts';
import { type AssetDefinition, assetKind } from './asset-kind.ts';
import type { AssetAction } from './asset-plan.ts';
import type { AssetParts } from './asset-watches.ts';
import { foundStream, type StreamState } from './found.ts';
import { remembered } from './remembered.ts';
import { streamLike } from './rivals.ts';
import { immutableInStream, streamSpecNames, wantedStream } from './stream-config.ts';

const stream: AssetDefinition<StreamSpec> = {
  resource: streams,
  rivals: streamLike,
  specOf: remembered((object) => specOf(streamSpec, object)),
  assetIdOf: ({ name }) => name,
  whatOf: ({ name }) => `stream ${name}`,
  specNames: streamSpecNames,
  wantedOf: wantedStream,
  immutable: immutableInStream,
  foundOf: (answer) => foundStream(answer, figuresOf),
  infoApi: ({ name }) => `STREAM.INFO.${name}`,
  requests: ({ name }, action) => streamRequests(name, action),
};

export const streamKind = (parts: AssetParts) => assetKind(stream, parts);

const apis = { create: 'STREAM.CREATE', update: 'STREAM.UPDATE', delete: 'STREAM.DELETE' } as const;

/** How a stream of this name is changed; the same for the stream of a bucket. */
export function streamRequests(name: string, { kind, config }: AssetAction) {
  const api = `${apis[kind]}.${name}`;
  return kind === 'delete' ? [{ api }] : [{ api, body: config }];
}

function figuresOf(state: StreamState) {
  return {
    messages: state.messages,
    bytes: state.bytes,
    firstSeq: state.first_seq,
    lastSeq: state.last_seq,
    subjects: state.num_subjects,
    deleted: state.num_deleted,
    consumers: state.consumer_count,
  };
}
