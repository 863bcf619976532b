import { channel } from 'node:diagnostics_channel';

/**
 * The boundaries between the steps of an order's way, as `node:diagnostics_channel` channels:
 * free while nobody subscribes. A fault test subscribes and kills the process at one of them.
 */
export const steps = {
  'command.committed': channel('windlass.command.committed'),
  'batch.deciding': channel('windlass.batch.deciding'),
  'batch.committed': channel('windlass.batch.committed'),
  'batch.acked': channel('windlass.batch.acked'),
  'relay.publishing': channel('windlass.relay.publishing'),
  'relay.published': channel('windlass.relay.published'),
  'effect.performing': channel('windlass.effect.performing'),
  'effect.performed': channel('windlass.effect.performed'),
  'effect.settled': channel('windlass.effect.settled'),
} as const;

export type Step = keyof typeof steps;

/** Reaches a step boundary. */
export function step(name: Step): void {
  const reached = steps[name];
  if (reached.hasSubscribers) reached.publish(name);
}
