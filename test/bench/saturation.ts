import type { Bench } from './bench-context.ts';
import { type Counted, countOrders } from './metrics.ts';
import type { Stack } from './stack.ts';

const everyMs = 250;
/** Time in which the number of open orders is brought to what it should be. */
const correctMs = 500;
const slowest = 50;

/**
 * A closed loop over whole orders: sends as many as are settled, so that always about `open` of
 * them are under way. Their number is read from the order service's metrics, four times a
 * second, because clients that ask for each order would cost more than the orders.
 */
export function keepOpen(bench: Bench, stack: Stack, open: number): { stop(): Promise<void> } {
  let last: Counted | undefined;
  let stopped = false;
  const step = async () => {
    const now = await countOrders(stack.platform.replicas('order'));
    if (last !== undefined) {
      const settledPerSecond = ((now.settled - last.settled) * 1_000) / (now.at - last.at);
      const missing = open - (now.accepted - now.settled);
      const rate = Math.max(slowest, settledPerSecond + (missing * 1_000) / correctMs);
      bench.generator.tell({ kind: 'rate', rate });
    }
    last = now;
  };
  const loop = async () => {
    while (!stopped) {
      await step();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  const running = loop();
  running.catch(() => {});
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}
