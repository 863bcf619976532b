import { type Dashboard, dashboards, rules } from './monitoring/monitoring.ts';
import type { RuleGroup } from './monitoring/rules/rule.ts';

/** What people look at, and what wakes them. */
export interface Observability {
  readonly dashboards: readonly Dashboard[];
  readonly rules: readonly RuleGroup[];
}

/** `kubeStateMetrics`: whether the Prometheus of the cluster has them. */
export function observability(kubeStateMetrics: boolean): Observability {
  return { dashboards: dashboards(), rules: rules({ kubeStateMetrics }) };
}
