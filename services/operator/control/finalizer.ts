import type { HttpClient } from './http-client.ts';
import { isOtherObject } from './kube-error.ts';
import { apiVersionOf, type KubeObject, type Resource } from './objects.ts';
import type { ReflectedCache } from './reflected-cache.ts';

const finalizer = 'windlass.dev/finalizer';
const finalizerOwner = 'windlass-operator-finalizer';

export function hasFinalizer({ metadata }: KubeObject): boolean {
  return metadata.finalizers?.includes(finalizer) ?? false;
}

/**
 * Our finalizer on the objects of one kind. Applied by a manager of its own, so that nothing else
 * of the object is touched, and with the uid, so that no other object is, and none is made.
 */
export class Finalizer {
  private readonly kube: HttpClient;
  private readonly cache: ReflectedCache;
  private readonly resource: Resource;

  constructor(kube: HttpClient, cache: ReflectedCache, resource: Resource) {
    this.kube = kube;
    this.cache = cache;
    this.resource = resource;
  }

  /** Undefined when the object is not there any more. */
  async add(object: KubeObject): Promise<KubeObject | undefined> {
    const answer = await this.apply(object, [finalizer]);
    if (answer !== undefined) this.cache.written(this.resource, answer);
    return answer;
  }

  /** Undefined when the object is not there any more, be it for that. */
  async remove(object: KubeObject): Promise<KubeObject | undefined> {
    const applied = await this.apply(object, undefined);
    const answer =
      applied !== undefined && hasFinalizer(applied) ? await this.cut(applied) : applied;
    const { deletionTimestamp, finalizers = [] } = answer?.metadata ?? {};
    if (answer !== undefined && (deletionTimestamp === undefined || finalizers.length > 0)) {
      this.cache.written(this.resource, answer);
      return answer;
    }
    // The watch will tell as well, but nobody is to look at it again until then.
    this.cache.deleted(this.resource, object);
    return undefined;
  }

  private async apply(
    { metadata: { name, namespace, uid } }: KubeObject,
    finalizers: readonly string[] | undefined,
  ): Promise<KubeObject | undefined> {
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(finalizers === undefined ? {} : { finalizers }),
    };
    const { kind } = this.resource;
    const body = { apiVersion: apiVersionOf(this.resource), kind, metadata };
    return await unlessOther(this.kube.apply(this.resource, body, finalizerOwner));
  }

  /** Somebody else, who wrote it by hand, say, owns it as well: then it has to be taken out. */
  private async cut({ metadata }: KubeObject): Promise<KubeObject | undefined> {
    const { resourceVersion, uid, finalizers = [] } = metadata;
    const left = finalizers.filter((each) => each !== finalizer);
    const patch = { metadata: { resourceVersion, uid, finalizers: left } };
    return await unlessOther(this.kube.merge(this.resource, metadata, patch));
  }
}

async function unlessOther(answer: Promise<KubeObject>): Promise<KubeObject | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isOtherObject(error)) return undefined;
    throw error;
  }
}
