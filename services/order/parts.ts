import type { Kit, ServiceParts } from '@windlass/runtime/parts.ts';
import { routes } from './http.ts';
import type { Order } from './order.ts';
import { reactions } from './reactions.ts';
import type { service } from './service.ts';
import { migrations, model, type World } from './store.ts';
import { timers } from './timers.ts';

/** What the order service is made of. */
export function parts(kit: Kit<World, Order>): ServiceParts<typeof service.consumes, World, Order> {
  const { timing } = kit.config;
  return {
    migrations,
    model,
    reactions: reactions(timing),
    timers: timers(timing),
    routes: routes(kit),
  };
}
