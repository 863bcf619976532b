import { until } from '@windlass/runtime/testing/until.ts';
import { metricsIn, type PanelQuery, panelQueries } from './rendered-boards.ts';
import type { RunningPrometheus } from './running-prometheus.ts';

/** Holds many scrapes, and is short enough for what happens now to be seen soon. */
const rateInterval = '15s';
const together = 16;

/** Whether a query asks the operator; the others ask the services. */
function asksOperator({ expression }: PanelQuery): boolean {
  const ofOperator = /^windlass_(operator|nats)_/;
  return (
    metricsIn(expression).some((name) => ofOperator.test(name)) ||
    expression.includes('service="operator"')
  );
}

/** Every query is in exactly one of these, so each is asked by one of the two tests. */
export const ofOperator = panelQueries(rateInterval).filter(asksOperator);
export const ofServices = panelQueries(rateInterval).filter((query) => !asksOperator(query));

/**
 * Asks each query until it was answered with a number once, and gives those that never were. A
 * query that Prometheus refuses throws.
 */
export async function unanswered(
  prometheus: RunningPrometheus,
  queries: readonly PanelQuery[],
  withinMs: number,
): Promise<readonly string[]> {
  let open = queries;
  const look = async () => {
    const left: PanelQuery[] = [];
    for (let from = 0; from < open.length; from += together) {
      const some = open.slice(from, from + together);
      const answers = await Promise.all(some.map(({ expression }) => prometheus.query(expression)));
      left.push(
        ...some.filter((_, at) => !answers[at]?.some(({ value }) => Number.isFinite(value))),
      );
    }
    open = left;
    return open.length === 0;
  };
  await until('every panel has data', look, { withinMs, everyMs: 1_000 }).catch((error) => {
    // Left without data is what the test tells; refused is a defect.
    if (error instanceof Error && error.cause !== undefined) throw error.cause;
  });
  return open.map(({ where, expression }) => `${where}: ${expression}`);
}
