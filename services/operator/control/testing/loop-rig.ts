import { until } from '@windlass/runtime/testing/until.ts';
import type { ControlPlaneAccess } from '../../../../test/cluster/control-plane.ts';
import { freshNamespace } from '../../../../test/cluster/testing.ts';
import { hasFinalizer } from '../finalizer.ts';
import type { HttpClient } from '../http-client.ts';
import { LostLeadership } from '../kube-error.ts';
import { ControlLoop } from '../loop.ts';
import type { KubeObject, StoredCondition } from '../objects.ts';
import { noObserver } from '../observer.ts';
import { ReflectedCache } from '../reflected-cache.ts';
import type { CallRecord } from '../transport.ts';
import { type Shelf, shelf } from './shelf.ts';
import { connect, silent, widget, widgets } from './widgets.ts';

export interface WidgetStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly StoredCondition[];
  readonly plan?: readonly string[];
  readonly size?: number;
  readonly messages?: number;
}

export interface RigOptions {
  readonly resyncMs?: number;
  /** Through which the loop speaks; the test itself goes past it. */
  readonly front?: Pick<ControlPlaneAccess, 'kubeconfig'>;
}

export type LoopRig = Awaited<ReturnType<typeof startLoop>>;

/** A loop that leads, with one kind, and whatever a test asks of it and of the API server. */
export async function startLoop(access: ControlPlaneAccess, options: RigOptions = {}) {
  const writes: string[] = [];
  const results: string[] = [];
  const onCall = ({ verb, what, status }: CallRecord) => {
    if (!['get', 'list', 'watch'].includes(verb)) writes.push(`${verb} ${what} ${status}`);
  };
  const namespace = await freshNamespace(access);
  const own = await connect(options.front ?? access, onCall);
  const direct = await connect(access);
  const cache = new ReflectedCache({ kube: own.kube, logger: silent });
  let leads = true;
  const fence = () => {
    if (!leads) throw new LostLeadership();
  };
  const all: Shelf = shelf();
  const loop = new ControlLoop({
    kube: own.kube.fencedBy(fence),
    cache,
    fence,
    logger: silent,
    instance: 'test',
    observer: { ...noObserver, reconciled: (_, result) => void results.push(result) },
    ...(options.resyncMs === undefined ? {} : { resyncMs: options.resyncMs }),
  });
  // Other test files have widgets as well, in namespaces of their own.
  loop.add(only(all, namespace));
  loop.start();
  const term = new AbortController();
  const leading = loop.lead(term.signal);
  return {
    ...widgetsOf(direct.kube, namespace),
    shelf: all,
    loop,
    namespace,
    writes,
    results,
    kube: direct.kube,
    loseLease: () => {
      leads = false;
    },
    async stop() {
      term.abort();
      await leading;
      await loop.stop();
      for (const { metadata } of await direct.kube.list(widgets, { namespace })) {
        await direct.kube.merge(widgets, metadata, { metadata: { finalizers: null } });
        await direct.kube.delete(widgets, metadata);
      }
      await Promise.all([own.close(), direct.close()]);
    },
  };
}

/** What a test does with the widgets of its namespace, and asks of them. */
function widgetsOf(kube: HttpClient, namespace: string) {
  const place = (name: string) => ({ namespace, name });
  const read = async (name: string) => await kube.get(widgets, place(name));
  const status = async (name: string) => ((await read(name))?.status ?? {}) as WidgetStatus;
  const condition = async (name: string, type: string) =>
    (await status(name)).conditions?.find((each) => each.type === type);
  return {
    read,
    status,
    condition,
    make: (
      name: string,
      spec: object = { size: 1 },
      metadata: Partial<KubeObject['metadata']> = {},
    ) => kube.create(widgets, widget(namespace, name, { ...spec }, metadata)),
    /** Sets annotations, or takes away those that are null. */
    annotate: (name: string, annotations: Readonly<Record<string, string | null>>) =>
      kube.merge(widgets, place(name), { metadata: { annotations } }),
    respec: (name: string, spec: object) => kube.merge(widgets, place(name), { spec }),
    remove: (name: string) => kube.delete(widgets, place(name)),
    isReady: (name: string, wanted: 'True' | 'False' = 'True') =>
      until(async () => {
        const [object, ready] = [await read(name), await condition(name, 'Ready')];
        const isCurrent = ready?.observedGeneration === object?.metadata.generation;
        return (ready?.status === wanted && isCurrent) || undefined;
      }),
    isGone: (name: string) => until(async () => (await read(name)) === undefined),
  };
}

function only({ kind }: Shelf, namespace: string): Shelf['kind'] {
  const isOurs = (object: KubeObject) => object.metadata.namespace === namespace;
  return {
    ...kind,
    needsFinalizer: (object) =>
      isOurs(object) ? kind.needsFinalizer(object) : hasFinalizer(object),
    observe: async (object, context) => {
      if (!isOurs(object)) throw new LostLeadership();
      return await kind.observe(object, context);
    },
  };
}
