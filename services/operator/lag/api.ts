import { type Consumer, distinct, labelsOf, metrics, shownLabels } from './consumers.ts';
import type { LagReader } from './reader.ts';
import { SelectorError, selectorOf } from './selector.ts';
import { ApiError } from './status.ts';

const group = 'external.metrics.k8s.io';
const version = 'v1beta1';
const groupVersion = `${group}/${version}`;
/** An HPA that needs more asks for a sum that nobody can explain. */
const matchesMax = 1_000;

export interface ExternalMetricsOptions {
  /** Consumer objects of a namespace, without those that are being deleted. */
  readonly consumersIn: (namespace: string) => readonly Consumer[];
  readonly reader: LagReader;
}

/**
 * The answers of `external.metrics.k8s.io/v1beta1`. A value is what the leader of the consumer
 * counts now. Whatever cannot be known is an error and neither 0 nor the greatest number: an HPA
 * that gets an error leaves its target as it is.
 */
export class ExternalMetrics {
  private readonly options: ExternalMetricsOptions;

  constructor(options: ExternalMetricsOptions) {
    this.options = options;
  }

  /** The object at a path. Rejects with ApiError. */
  async answer(path: string, query: URLSearchParams): Promise<unknown> {
    const [root, ...segments] = path.split('/').filter(Boolean).map(decoded);
    if (root !== 'apis') throw notFound();
    const [asked, ofVersion, collection, namespace = '', metric = '', ...rest] = segments;
    if (asked === undefined) {
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [groupDescription] };
    }
    if (asked !== group) throw notFound();
    if (ofVersion === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...groupDescription };
    if (ofVersion !== version) throw notFound();
    if (collection === undefined) return resources;
    if (collection !== 'namespaces' || metric === '' || rest.length > 0) throw notFound();
    return await this.values(namespace, metric, query.get('labelSelector') ?? '');
  }

  private async values(namespace: string, metric: string, labelSelector: string) {
    const count = metrics.get(metric);
    if (count === undefined) throw new ApiError('NotFound', `there is no metric "${metric}"`);
    const matches = matcher(labelSelector);
    const { consumersIn, reader } = this.options;
    const found = distinct(consumersIn(namespace).filter((each) => matches(labelsOf(each))));
    if (found.length === 0) {
      throw new ApiError('NotFound', `no Consumer in namespace "${namespace}" matches`);
    }
    if (found.length > matchesMax) {
      throw new ApiError('BadRequest', `more than ${matchesMax} Consumers match`);
    }
    const items = await Promise.all(
      found.map(async (consumer) => {
        const { counts, at } = await reader.read(consumer);
        return {
          metricName: metric,
          metricLabels: shownLabels(consumer),
          timestamp: `${new Date(at).toISOString().slice(0, 19)}Z`,
          value: String(count(counts)),
        };
      }),
    );
    return { kind: 'ExternalMetricValueList', apiVersion: groupVersion, metadata: {}, items };
  }
}

const preferred = { groupVersion, version };
const groupDescription = { name: group, versions: [preferred], preferredVersion: preferred };
const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: [...metrics.keys()].map((name) => ({
    name,
    singularName: '',
    namespaced: true,
    kind: 'ExternalMetricValueList',
    verbs: ['get'],
  })),
};

const notFound = () => new ApiError('NotFound', 'the server could not find the requested resource');

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new ApiError('BadRequest', 'the path cannot be decoded', { cause: error });
  }
}

function matcher(labelSelector: string) {
  try {
    return selectorOf(labelSelector);
  } catch (error) {
    if (error instanceof SelectorError) throw new ApiError('BadRequest', error.message);
    throw error;
  }
}
