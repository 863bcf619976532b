import {
  HttpClient,
  type HttpClientOptions,
  type Listed,
  type Selection,
  type WatchOptions,
} from './control/http-client.ts';
import type { Resource } from './control/objects.ts';
import type { WatchEvent } from './control/watch-events.ts';

/** Lists and watches one namespace only, for an operator that may read no other. */
export class NamespacedClient extends HttpClient {
  private readonly namespace: string | undefined;

  constructor(options: HttpClientOptions, namespace: string | undefined) {
    super(options);
    this.namespace = namespace;
  }

  override listed(resource: Resource, selection: Selection = {}): Promise<Listed> {
    return super.listed(resource, this.within(resource, selection));
  }

  override watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent> {
    return super.watch(resource, this.within(resource, options));
  }

  private within<Given extends Selection>(resource: Resource, given: Given): Given {
    const isWhole = this.namespace === undefined || !resource.namespaced;
    return isWhole ? given : { namespace: this.namespace, ...given };
  }
}
