import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { bounds } from '../bounds.ts';
import { bucketAt } from '../promql.ts';
import { watched } from '../services.ts';
import { type Alert, alertingRule } from './alert.ts';
import type { RecordingRule, RuleGroup } from './rule.ts';

/** Names of what is recorded, for each window: a share of 0 to 1, and a number of bad ones. */
const badRatio = (window: string): string => `service_slo:windlass_bad:ratio_rate${window}`;
const badCount = (window: string): string => `service_slo:windlass_bad:increase${window}`;
const objective = 'service_slo:windlass_objective:ratio';

/** The share of the error budget's speed: 1 uses it up in exactly 30 days. */
export const burnRate = `${badRatio('1h')} / on (service, slo) (1 - ${objective})`;

const shortWindows = ['5m', '30m'] as const;
const longWindows = ['1h', '6h', '3d'] as const;

/** What a service promises: a share `ratio` of all is good. */
interface Objective {
  readonly service: string;
  readonly slo: string;
  readonly ratio: number;
  /** Expressions over a function and a window: `rate` or `increase`, and for example `5m`. */
  readonly bad: (how: string, window: string) => string;
  readonly all: (how: string, window: string) => string;
}

/**
 * Windows and factors of the "multiwindow, multi-burn-rate" alerts of the SRE workbook, chapter 5:
 * 2 %, 5 % and 10 % of the budget of 30 days. The short window ends the alert soon after the cause.
 */
const burns = [
  { name: 'WindlassBudgetBurnsFast', severity: 'page', long: '1h', short: '5m', factor: 14.4 },
  { name: 'WindlassBudgetBurns', severity: 'page', long: '6h', short: '30m', factor: 6 },
  { name: 'WindlassBudgetBurnsSlowly', severity: 'ticket', long: '3d', short: '6h', factor: 1 },
] as const;
const holdsFor = { '1h': '2m', '6h': '15m', '3d': '1h' } as const;

/** Recorded shares of what every service promises, and the alerts when a budget burns. */
export function objectiveGroups(runbook: string): readonly RuleGroup[] {
  const objectives = watched.flatMap(objectivesOf);
  return [
    { name: 'windlass-objectives', rules: objectives.flatMap(recorded) },
    { name: 'windlass-budgets', rules: burnAlerts().map((alert) => alertingRule(alert, runbook)) },
  ];
}

function objectivesOf(definition: ServiceDefinition): readonly Objective[] {
  const { name: service, role, consumes, objectives } = definition;
  const { ratio, handledWithinSeconds } = objectives;
  const own = `service="${service}"`;
  const within = (slo: string, histogram: string, matchers = own): Objective => {
    const sum = (how: string, window: string, metric: string, more = '') =>
      `sum by (service) (${how}(${metric}{${matchers}${more}}[${window}]))`;
    const good = `,${bucketAt(handledWithinSeconds)}`;
    const all = (how: string, window: string) => sum(how, window, `${histogram}_count`);
    const bad = (how: string, window: string) =>
      `${all(how, window)} - ${sum(how, window, `${histogram}_bucket`, good)}`;
    return { service, slo, ratio, all, bad };
  };
  const found: Objective[] = [];
  if (consumes.length > 0) found.push(within('events', 'windlass_event_age_seconds'));
  if (role === 'operator') {
    found.push(within('reconciliations', 'windlass_operator_reconcile_seconds'));
  }
  if (role === 'api') {
    found.push(answered(service, ratio));
    // A read may wait for its order on purpose; what failed is counted as unanswered already.
    const commands = `${own},method!="GET",status!="5xx"`;
    found.push(within('commands', 'windlass_http_request_seconds', commands));
  }
  return found;
}

/** Requests that were not answered with a failure of ours; a refusal under overload is one. */
function answered(service: string, ratio: number): Objective {
  const sum = (how: string, window: string, matchers: string) =>
    `sum by (service) (${how}(windlass_http_request_seconds_count{${matchers}}[${window}]))`;
  const own = `service="${service}"`;
  const all = (how: string, window: string) => sum(how, window, own);
  return {
    ...{ service, slo: 'requests', ratio, all },
    // There is no series of failures before the first one.
    bad: (how, window) => `${sum(how, window, `${own},status="5xx"`)} or 0 * ${all(how, window)}`,
  };
}

function recorded({ service, slo, ratio, bad, all }: Objective): readonly RecordingRule[] {
  // Its own each time: one value in many places becomes a reference in YAML.
  const labels = () => ({ service, slo });
  const shares = [...shortWindows, ...longWindows].map((window) => ({
    record: badRatio(window),
    expr: `(${bad('rate', window)}) / (${all('rate', window)} > 0)`,
    labels: labels(),
  }));
  const counts = longWindows.map((window) => ({
    record: badCount(window),
    expr: bad('increase', window),
    labels: labels(),
  }));
  return [{ record: objective, expr: `vector(${ratio})`, labels: labels() }, ...shares, ...counts];
}

function burnAlerts(): readonly Alert[] {
  return burns.map(({ name, severity, long, short, factor }) => {
    const limit = `on (service, slo) (${factor} * (1 - ${objective}))`;
    return {
      name,
      severity,
      expr:
        `${badRatio(long)} > ${limit} and ${badRatio(short)} > ${limit} ` +
        `and ${badCount(long)} >= ${bounds.badMin}`,
      for: holdsFor[long],
      summary: `{{ $labels.service }}: the error budget of its {{ $labels.slo }} burns`,
      description:
        `{{ $value | humanizePercentage }} of the {{ $labels.slo }} of {{ $labels.service }} ` +
        `were bad in ${long}, more than ${factor} times what the objective allows.`,
    };
  });
}
