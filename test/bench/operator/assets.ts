import type { ApiObject } from '../../cluster/kube-api.ts';

/** An asset as the operator is told of it, and as a bare client tells the server. */
export interface Asset {
  readonly plural: 'streams' | 'consumers';
  readonly object: ApiObject & { readonly spec: Readonly<Record<string, unknown>> };
  /** Below `$JS.API.`. */
  readonly api: string;
  readonly body: object;
}

const consumersOfEach = 2;

/** Streams, each followed by its two consumers. */
export function assetsOf(streams: number, namespace: string, servers: string): readonly Asset[] {
  return Array.from({ length: streams }, (_, index) => index).flatMap((index) => [
    streamOf(`bench-${index}`, namespace, servers),
    ...Array.from({ length: consumersOfEach }, (__, place) =>
      consumerOf(`bench-${index}`, `worker-${place}`, namespace, servers),
    ),
  ]);
}

function streamOf(name: string, namespace: string, servers: string): Asset {
  const subjects = [`${name}.>`];
  return {
    plural: 'streams',
    object: {
      apiVersion: 'windlass.dev/v1alpha1',
      kind: 'Stream',
      metadata: { name, namespace },
      spec: { servers: [servers], name, subjects, storage: 'file' },
    },
    api: `STREAM.CREATE.${name}`,
    body: { name, subjects, retention: 'limits', storage: 'file', num_replicas: 1 },
  };
}

function consumerOf(stream: string, name: string, namespace: string, servers: string): Asset {
  return {
    plural: 'consumers',
    object: {
      apiVersion: 'windlass.dev/v1alpha1',
      kind: 'Consumer',
      metadata: { name: `${stream}-${name}`, namespace },
      spec: { servers: [servers], streamName: stream, durableName: name, ackPolicy: 'explicit' },
    },
    api: `CONSUMER.CREATE.${stream}.${name}`,
    body: {
      stream_name: stream,
      config: { durable_name: name, ack_policy: 'explicit', deliver_policy: 'all' },
      action: 'create',
    },
  };
}
