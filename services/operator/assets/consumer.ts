import { type ConsumerSpec, consumerSpec } from '../api/consumer.ts';
import { consumers } from '../api/kinds.ts';
import { specOf } from '../api/read.ts';
import type { Cache } from '../control/cache.ts';
import type { Kind, Watch } from '../control/kind.ts';
import { type KubeObject, keyOf } from '../control/objects.ts';
import { type AssetDefinition, assetKind } from './asset-kind.ts';
import type { AssetAction, AssetFacts } from './asset-plan.ts';
import type { AssetParts } from './asset-watches.ts';
import { consumerSpecNames, immutableInConsumer, wantedConsumer } from './consumer-config.ts';
import { foundConsumer } from './found.ts';
import type { DefaultConnection } from './place.ts';
import { remembered } from './remembered.ts';
import {
  assetIdOf,
  namedAlike,
  nameOf,
  streamLike,
  streamNameOf,
  targetOfObject,
} from './rivals.ts';
import { isReady } from './standing.ts';

const definition = (byDefault: DefaultConnection | undefined): AssetDefinition<ConsumerSpec> => ({
  resource: consumers,
  rivals: [consumers],
  specOf: remembered((object) => specOf(consumerSpec, object)),
  assetIdOf: ({ streamName, durableName }) => `${streamName}/${durableName}`,
  whatOf: ({ streamName, durableName }) => `consumer ${durableName} of stream ${streamName}`,
  specNames: consumerSpecNames,
  wantedOf: wantedConsumer,
  immutable: immutableInConsumer,
  foundOf: foundConsumer,
  infoApi: ({ streamName, durableName }) => `CONSUMER.INFO.${streamName}.${durableName}`,
  requests: consumerRequests,
  waitsFor: (object, { streamName }, { cache }) => {
    const waited = streamsOf(object, streamName, cache, byDefault).find((each) => !isReady(each));
    return waited === undefined ? undefined : `${nameOf(waited)} is not ready yet.`;
  },
});

export function consumerKind(parts: AssetParts): Kind<AssetFacts, AssetAction> {
  const kind = assetKind(definition(parts.defaultConnection), parts);
  const ofStreams = streamLike.map(
    (resource): Watch => ({ resource, keysOf: (stream, cache) => waitingFor(stream, cache) }),
  );
  return { ...kind, watches: [...kind.watches, ...ofStreams] };
}

/** An update leaves the pause of a consumer as it is; only a request of its own changes it. */
function consumerRequests(spec: ConsumerSpec, { kind, config, fields }: AssetAction) {
  const place = `${spec.streamName}.${spec.durableName}`;
  if (kind === 'delete') return [{ api: `CONSUMER.DELETE.${place}` }];
  const body = { stream_name: spec.streamName, config, action: kind };
  const put = { api: `CONSUMER.CREATE.${place}`, body };
  if (kind === 'create' || !fields.includes('pauseUntil')) return [put];
  const until = config.pause_until === null ? {} : { pause_until: config.pause_until };
  const pause = { api: `CONSUMER.PAUSE.${place}`, body: until };
  return fields.length === 1 ? [pause] : [put, pause];
}

/** The objects that make the stream, if there are any. */
function streamsOf(
  object: KubeObject,
  streamName: string,
  cache: Cache,
  byDefault: DefaultConnection | undefined,
): readonly KubeObject[] {
  const target = targetOfObject(object, cache, byDefault);
  return namedAlike(streamName, streamLike, cache).filter(
    (each) => targetOfObject(each, cache, byDefault) === target,
  );
}

/** Consumers that are not there yet, for a stream that has changed. */
function waitingFor(stream: KubeObject, cache: Cache): readonly string[] {
  const name = assetIdOf(stream);
  if (name === undefined) return [];
  return cache
    .find(consumers, streamNameOf, name)
    .filter((each) => !isReady(each))
    .map(keyOf);
}
