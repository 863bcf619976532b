import { runbookUrl } from '../runbook.ts';
import type { AlertingRule, Severity } from './rule.ts';

export interface Alert {
  /** The title of its section in the runbook. */
  readonly name: string;
  readonly severity: Severity;
  readonly expr: string;
  /** How long it must be so. */
  readonly for: string;
  /** One line; `{{ $labels.x }}` and `{{ $value }}` are filled in by Prometheus. */
  readonly summary: string;
  readonly description: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export function alertingRule(alert: Alert, runbook: string): AlertingRule {
  const { name, severity, expr, summary, description, labels = {} } = alert;
  return {
    alert: name,
    expr,
    for: alert.for,
    labels: { severity, ...labels },
    annotations: { summary, description, runbook_url: runbookUrl(runbook, name) },
  };
}
