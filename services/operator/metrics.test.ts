import { expect, test } from '@jest/globals';
import { createOperatorMetrics } from './metrics.ts';

test('shows what was counted, under the name of the operator', async () => {
  const metrics = createOperatorMetrics({ service: 'operator', enabled: true });
  metrics.driftRepaired.of({ kind: 'Stream' }).inc();
  metrics.objects.collectWith((family) => family.of({ kind: 'Stream', ready: 'True' }).set(3));
  const text = await metrics.exposition();
  expect(text).toContain(
    'windlass_operator_drift_repaired_total{kind="Stream",service="operator"} 1',
  );
  expect(text).toContain(
    'windlass_operator_objects{kind="Stream",ready="True",service="operator"} 3',
  );
});

test('shows nothing when it is off', async () => {
  const metrics = createOperatorMetrics({ service: 'operator', enabled: false });
  metrics.leader.of({}).set(1);
  expect(await metrics.exposition()).not.toContain('windlass_operator');
});
