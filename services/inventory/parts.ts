import type { Kit, ServiceParts } from '@windlass/runtime/parts.ts';
import { routes } from './http.ts';
import type { Change, World } from './inventory.ts';
import { reactions } from './reactions.ts';
import type { service } from './service.ts';
import { migrations, model } from './store.ts';
import { timers } from './timers.ts';

/** What the inventory service is made of. */
export function parts(
  kit: Kit<World, Change>,
): ServiceParts<typeof service.consumes, World, Change> {
  return {
    migrations,
    model,
    reactions: reactions(kit.config.timing),
    timers,
    routes: routes(kit),
  };
}
