import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { deployables } from '@windlass/local/deployables.ts';
import { createOperatorMetrics } from '@windlass/operator/metrics.ts';
import { createMetrics } from '@windlass/runtime/telemetry/metrics.ts';
import { dashboards, ruleFile, rules } from '../../cdk8s/monitoring/monitoring.ts';
import { eventServices, watched } from '../../cdk8s/monitoring/services.ts';
import { boards, metricsIn, panelQueries } from './rendered-boards.ts';

const root = join(import.meta.dirname, '..', '..');
const runbook = readFileSync(join(root, 'docs', 'runbook.md'), 'utf8');
const sections = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, title = '']) => title);
const all = rules({ kubeStateMetrics: true }).flatMap((group) => group.rules);
const alerts = all.flatMap((rule) => ('alert' in rule ? [rule] : []));
const recorded = new Set(all.flatMap((rule) => ('record' in rule ? [rule.record] : [])));

/** What others serve: Prometheus itself, and kube-state-metrics. */
const foreign = new Set([
  'ALERTS',
  'kube_horizontalpodautoscaler_status_current_replicas',
  'kube_horizontalpodautoscaler_spec_max_replicas',
]);

/** Metrics that no dashboard shows. */
const unseen: readonly (readonly [RegExp, string])[] = [
  [/^process_cpu_(user|system)_seconds_total$/, 'the sum of both is shown'],
  [/^process_(virtual_memory|heap)_bytes$/, 'what is resident counts against the limit'],
  [/^process_(open|max)_fds$/, 'connections are bounded far below the limit'],
  [/^process_start_time_seconds$/, 'Kubernetes tells of restarts'],
  [/^nodejs_eventloop_lag_(?!p99)/, 'the 99th percentile says it all'],
  [/^nodejs_active_/, 'their number says nothing'],
  [/^nodejs_(heap_space|heap_size_total|external_memory)/, 'parts of the resident memory'],
  [/^nodejs_version_info$/, 'a fact, not a course'],
];

/** Names of the series that the processes serve, each with the name of its metric. */
async function served(): Promise<ReadonlyMap<string, string>> {
  const options = { service: 'any', enabled: true };
  const makers = [createMetrics(options), createOperatorMetrics(options)];
  const texts = await Promise.all(makers.map((metrics) => metrics.exposition()));
  const found = new Map<string, string>();
  for (const [, name = '', kind] of texts.join('\n').matchAll(/^# TYPE (\S+) (\w+)$/gm)) {
    const endings = kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    for (const ending of endings) found.set(`${name}${ending}`, name);
  }
  return found;
}

describe('metrics', () => {
  test('of dashboards and rules are those of the code', async () => {
    const known = await served();
    const asked = [
      ...panelQueries('1m').map(({ where, expression }) => [where, expression] as const),
      ...all.map((rule) => ['alert' in rule ? rule.alert : rule.record, rule.expr] as const),
    ];
    const unknown = asked.flatMap(([where, expression]) =>
      metricsIn(expression)
        .filter((name) => !known.has(name) && !recorded.has(name) && !foreign.has(name))
        .map((name) => `${where}: nothing serves ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  test('are all shown somewhere, or the reason is known', async () => {
    const known = await served();
    const shown = new Set(
      panelQueries('1m').flatMap(({ expression }) =>
        metricsIn(expression).map((name) => known.get(name) ?? name),
      ),
    );
    const missing = [...new Set(known.values())].filter((name) => !shown.has(name));
    expect(missing.filter((name) => !unseen.some(([form]) => form.test(name)))).toEqual([]);
    const idle = unseen.filter(([form]) => !missing.some((name) => form.test(name)));
    expect(idle.map(([form]) => `${form}: is shown, or not there`)).toEqual([]);
  });

  test('are found in expressions of every form', () => {
    const expression =
      'sum by (le, a) (rate(one_bucket{x="y_z",n=~"(a|b)"}[5m])) / on (a) two:three > 1e3 ' +
      'and max(label_replace(four, "s", "$1", "c", "(.*)")) unless bool five == 0';
    expect(metricsIn(expression)).toEqual(['one_bucket', 'two:three', 'four', 'five']);
  });
});

describe('the runbook', () => {
  test('has one section for each alert, and no other', () => {
    expect([...sections].sort()).toEqual([...new Set(alerts.map(({ alert }) => alert))].sort());
  });

  test('is where every alert says', () => {
    const base = 'https://example.org/runbook.md';
    for (const rule of rules({ runbook: base, kubeStateMetrics: true }).flatMap((g) => g.rules)) {
      if (!('alert' in rule)) continue;
      expect(rule.annotations.runbook_url).toBe(`${base}#${rule.alert.toLowerCase()}`);
    }
  });

  test('is where every panel says', () => {
    const anchors = sections.map((title) => `docs/runbook.md#${title.toLowerCase()}`);
    const links = boards.flatMap(({ model }) => model.panels.flatMap((panel) => panel.links ?? []));
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ url = '' }) => !anchors.includes(url))).toEqual([]);
  });
});

describe.each(boards.map((board) => [board.dashboard.name, board] as const))('%s', (_, board) => {
  const { model, dashboard } = board;
  const panels = model.panels.filter(({ type }) => type !== 'row');

  test('keeps its address, and is small enough for a ConfigMap', () => {
    expect(model.uid).toBe(`windlass-${dashboard.name}`);
    expect(Buffer.byteLength(dashboard.json)).toBeLessThan(1_048_576);
    expect(model.graphTooltip).toBe(1);
    expect(model.links.map(({ title }) => title)).toEqual(
      expect.arrayContaining(['Windlass', 'Runbook']),
    );
  });

  test('lets one choose the data source, and asks no other', () => {
    expect(model.templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }),
    );
    const source = { type: 'prometheus', uid: '${' + 'datasource}' };
    for (const panel of panels) {
      expect(panel.datasource).toEqual(source);
      for (const target of panel.targets ?? []) expect(target.datasource).toEqual(source);
    }
  });

  test('numbers its panels, letters their queries and explains them', () => {
    const ids = model.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.min(...ids)).toBe(1);
    for (const { title, description = '', targets = [], fieldConfig } of panels) {
      expect({ title, ends: description.endsWith('.') }).toEqual({ title, ends: true });
      const letters = targets.map(({ refId }) => refId);
      expect(letters.join('')).toBe('ABCDEFGHIJ'.slice(0, letters.length));
      expect(letters.length).toBeGreaterThan(0);
      expect(fieldConfig?.defaults.unit).not.toBe('');
      expect(fieldConfig?.defaults.thresholds.steps[0]?.value).toBeNull();
    }
  });

  test('leads to traces where one can choose whose', () => {
    const isTraced = model.templating.list.some(({ name }) => name === 'traces');
    const url = model.links.find(({ title }) => title === 'Traces')?.url;
    expect(url !== undefined).toBe(isTraced);
    if (url === undefined) return;
    const filled = new URL(url.replace(/\$\{(\w+)\}/g, 'filled-$1'), 'http://grafana');
    expect(JSON.parse(filled.searchParams.get('panes') ?? '')).toMatchObject({
      traces: { datasource: 'filled-traces', queries: [{ queryType: 'traceql' }] },
    });
  });

  test('takes rates over what holds enough scrapes', () => {
    for (const { targets = [] } of panels) {
      for (const { expr } of targets) {
        const ranges = [...expr.matchAll(/\[([^\]]+)\]/g)].map(([, range]) => range);
        expect(ranges.filter((range) => range !== '$__rate_interval' && range !== '1h')).toEqual(
          [],
        );
      }
    }
  });

  test('has no two panels in one place', () => {
    const cells = model.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from(
        { length: w * h },
        (_each, index) => `${x + (index % w)},${y + Math.floor(index / w)}`,
      ),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(model.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

test('the same code gives the same text', () => {
  expect(dashboards()).toEqual(dashboards());
  expect(ruleFile()).toBe(ruleFile());
});

test('kube-state-metrics is asked only where it is', () => {
  expect(ruleFile()).not.toContain('kube_');
  expect(ruleFile({ kubeStateMetrics: true })).toContain('kube_');
});

test('every deployable is watched, but for the doubles of others', async () => {
  const found = await deployables();
  const own = found.map(({ service }) => service).filter(({ role }) => role !== 'double');
  expect(watched.map(({ name }) => name).sort()).toEqual(own.map(({ name }) => name).sort());
  const handling = own.filter(({ consumes }) => consumes.length > 0);
  expect(eventServices.map(({ name }) => name).sort()).toEqual(handling.map((s) => s.name).sort());
});

test('every objective ends a bucket of the histogram that it is measured by', async () => {
  const options = { service: 'any', enabled: true };
  const services = createMetrics(options);
  const operator = createOperatorMetrics(options);
  services.eventAgeSeconds.of({ stream: 'ORDERS' }).observe(1);
  services.requestSeconds.of({ route: '/', method: 'POST', status: '2xx' }).observe(1);
  operator.reconcileSeconds.of({ kind: 'Stream', result: 'done' }).observe(1);
  const text = `${await services.exposition()}\n${await operator.exposition()}`;
  for (const { role, consumes, objectives } of watched) {
    const histograms = [
      ...(consumes.length > 0 ? ['event_age_seconds'] : []),
      ...(role === 'api' ? ['http_request_seconds'] : []),
      ...(role === 'operator' ? ['operator_reconcile_seconds'] : []),
    ];
    for (const name of histograms) {
      expect(text).toContain(`windlass_${name}_bucket{le="${objectives.handledWithinSeconds}"`);
    }
  }
});
