import type { Context, Kind, Plan, PlannedAction } from '../kind.ts';
import type { KubeObject, Resource } from '../objects.ts';
import { keyOf } from '../objects.ts';
import { configMaps, widgets } from './widgets.ts';

type Action = PlannedAction & { readonly size: number | undefined };
interface Facts {
  readonly size: number | undefined;
  readonly limit: number;
}

/** Where widgets are put: something outside of the API server, which can break. */
export interface Shelf {
  readonly kind: Kind<Facts, Action>;
  readonly sizes: Map<string, number>;
  /** Each look at it, and each change of it, by key. */
  readonly looks: string[];
  readonly changes: string[];
  /** Thrown by the next looks. */
  failure: Error | undefined;
  /** Numbers that move by themselves. */
  messages: number | undefined;
  requeueAfterMs: number | undefined;
  /** Instead of what follows from the facts. */
  overrule: Partial<Plan<Action>>;
  onAct: (object: KubeObject, context: Context) => Promise<void>;
}

/** A kind whose objects have a size on a shelf, at most what the ConfigMap `limit` allows. */
export function shelf(resource: Resource = widgets): Shelf {
  const all: Shelf = {
    sizes: new Map(),
    looks: [],
    changes: [],
    failure: undefined,
    messages: undefined,
    requeueAfterMs: undefined,
    overrule: {},
    onAct: async () => {},
    kind: {
      resource,
      watches: [
        {
          resource: configMaps,
          labelSelector: 'limits=widgets',
          keysOf: ({ metadata }, cache) => cache.list(resource, metadata.namespace).map(keyOf),
        },
      ],
      needsFinalizer: ({ spec }) => (spec as { readonly keep?: boolean }).keep !== true,
      observe: async (object, { cache }) => {
        const key = keyOf(object);
        all.looks.push(key);
        if (all.failure !== undefined) throw all.failure;
        const limits = cache.get(configMaps, `${object.metadata.namespace}/limit`);
        const { limit = '100' } = (limits?.data ?? {}) as { readonly limit?: string };
        return { size: all.sizes.get(key), limit: Number(limit) };
      },
      plan: (object, facts) => ({ ...planOf(all, object, facts), ...all.overrule }),
      act: async ({ size }, object, context) => {
        context.fence();
        all.changes.push(`${keyOf(object)} ${size}`);
        if (size === undefined) all.sizes.delete(keyOf(object));
        else all.sizes.set(keyOf(object), size);
        await all.onAct(object, context);
      },
    },
  };
  return all;
}

function planOf(all: Shelf, object: KubeObject, { size, limit }: Facts): Plan<Action> {
  const wanted = Math.min((object.spec as { readonly size: number }).size, limit);
  const isDeleted = object.metadata.deletionTimestamp !== undefined;
  const target = isDeleted ? undefined : wanted;
  return {
    actions: size === target ? [] : [{ describe: `set the size to ${target}`, size: target }],
    phase: size === target ? 'ready' : 'progressing',
    reason: size === target ? 'OnShelf' : 'Moving',
    message: 'It is what it is.',
    conditions: [{ type: 'Limited', status: 'False', reason: 'Below', message: 'There is room.' }],
    status: { size },
    ...(all.messages === undefined ? {} : { figures: { messages: all.messages } }),
    ...(all.requeueAfterMs === undefined ? {} : { requeueAfterMs: all.requeueAfterMs }),
    isReleased: isDeleted && size === undefined,
  };
}
