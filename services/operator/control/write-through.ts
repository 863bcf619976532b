import type { KubeClient } from './client.ts';
import type { KubeObject, Resource } from './objects.ts';
import type { ReflectedCache } from './reflected-cache.ts';

/** A client whose writes are in the cache as soon as they are answered. */
export function writeThrough(kube: KubeClient, cache: ReflectedCache): KubeClient {
  const keep = async (resource: Resource, answer: Promise<KubeObject>) => {
    const object = await answer;
    cache.written(resource, object);
    return object;
  };
  return {
    get: (resource, place) => kube.get(resource, place),
    list: (resource, options) => kube.list(resource, options),
    create: (resource, object) => keep(resource, kube.create(resource, object)),
    apply: (resource, object, manager) => keep(resource, kube.apply(resource, object, manager)),
    applyStatus: (resource, object, manager) =>
      keep(resource, kube.applyStatus(resource, object, manager)),
    delete: (resource, place, options) => kube.delete(resource, place, options),
    evict: (namespace, pod, uid) => kube.evict(namespace, pod, uid),
  };
}
