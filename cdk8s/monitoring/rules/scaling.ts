import { alertingRule } from './alert.ts';
import type { RuleGroup } from './rule.ts';

/** Where the services run; the metrics are those of the whole cluster. */
const namespace = 'windlass';

/** Needs kube-state-metrics, which only a cluster with the Prometheus operator's stack has. */
export function scalingGroup(runbook: string): RuleGroup {
  const by = 'by (namespace, horizontalpodautoscaler)';
  const max = (metric: string) => `max ${by} (${metric}{namespace="${namespace}"})`;
  const present = max('kube_horizontalpodautoscaler_status_current_replicas');
  const most = max('kube_horizontalpodautoscaler_spec_max_replicas');
  const alert = alertingRule(
    {
      name: 'WindlassScaledToTheMost',
      severity: 'ticket',
      expr: `${present} >= ${most} and ${most} > 1`,
      for: '15m',
      summary: '{{ $labels.horizontalpodautoscaler }} has as many replicas as it may',
      description: 'More load meets no more replicas.',
    },
    runbook,
  );
  return { name: 'windlass-scaling', rules: [alert] };
}
