import { stringify } from 'yaml';
import { type Board, rendered } from './board.ts';
import { natsBoard } from './dashboards/nats.ts';
import { operatorBoard } from './dashboards/operator.ts';
import { orderJourneyBoard } from './dashboards/order-journey.ts';
import { overviewBoard } from './dashboards/overview.ts';
import { serviceBoard } from './dashboards/service.ts';
import { objectiveGroups } from './rules/objectives.ts';
import type { RuleGroup } from './rules/rule.ts';
import { scalingGroup } from './rules/scaling.ts';
import { symptomGroups } from './rules/symptoms.ts';
import { defaultRunbook } from './runbook.ts';

export interface MonitoringOptions {
  /** Address of the runbook, which the anchor of a section is appended to. @default its path */
  readonly runbook?: string;
}

export interface RuleOptions extends MonitoringOptions {
  /** Whether kube-state-metrics is scraped: adds the rules that need it. @default false */
  readonly kubeStateMetrics?: boolean;
}

export interface Dashboard {
  /** Its file, without the ending; its uid is `windlass-<name>`. */
  readonly name: string;
  /** Of Grafana. */
  readonly folder: string;
  /** What Grafana's provisioning reads; less than 1 MiB. */
  readonly json: string;
}

const boards: readonly Board[] = [
  overviewBoard,
  orderJourneyBoard,
  serviceBoard,
  natsBoard,
  operatorBoard,
];

/** Every dashboard of Grafana. The same code gives the same text. */
export function dashboards(options: MonitoringOptions = {}): readonly Dashboard[] {
  const { runbook = defaultRunbook } = options;
  return boards.map((board) => ({
    name: board.name,
    folder: 'Windlass',
    json: rendered(board, runbook),
  }));
}

/** Groups of recording and alerting rules, for a rule file or a PrometheusRule. */
export function rules(options: RuleOptions = {}): readonly RuleGroup[] {
  const { runbook = defaultRunbook, kubeStateMetrics = false } = options;
  const scaling = kubeStateMetrics ? [scalingGroup(runbook)] : [];
  return [...objectiveGroups(runbook), ...symptomGroups(runbook), ...scaling];
}

/** `rules` as a rule file of Prometheus, in YAML. */
export function ruleFile(options: RuleOptions = {}): string {
  return stringify({ groups: rules(options) }, { lineWidth: 0 });
}
