import { defineEffect } from '@windlass/runtime/effect.ts';
import type { Kit, ServiceParts } from '@windlass/runtime/parts.ts';
import type { Chore } from '@windlass/runtime/store/chores.ts';
import { connectProvider, effects } from './effects.ts';
import { routes } from './http.ts';
import type { Change, World } from './payment.ts';
import type { ProviderClient } from './provider-client.ts';
import { reactions } from './reactions.ts';
import { reconcile } from './reconciler.ts';
import type { service } from './service.ts';
import { migrations, model } from './store.ts';

const reconcileEveryMs = 15 * 60_000;

/** What the payment service is made of. */
export function parts(
  kit: Kit<World, Change>,
): ServiceParts<typeof service.consumes, World, Change> {
  const { timing, calls } = kit.config;
  const { client } = connectProvider(calls.provider ?? '', timing);
  const { charge, refund } = effects(client, timing);
  return {
    migrations,
    model,
    reactions,
    effects: { charge: defineEffect(charge), refund: defineEffect(refund) },
    chores: [reconciliation(kit, client)],
    routes: routes(kit),
  };
}

/** Goes through all payments page by page, so that a difference is found within the interval. */
function reconciliation(kit: Kit<World, Change>, client: ProviderClient): Chore {
  return {
    name: 'reconciliation',
    everyMs: reconcileEveryMs,
    async run(signal) {
      let after: string | undefined = '';
      while (after !== undefined && !signal.aborted) {
        const cause = kit.newCause();
        const page = await reconcile(kit, client, { after, cause }, signal);
        for (const { orderId } of page?.differences ?? []) {
          kit.logger.warn({ orderId, ...cause }, 'the provider reports another amount');
        }
        after = page?.next;
      }
    },
  };
}
