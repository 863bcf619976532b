import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '@windlass/local/child.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { ruleFile, rules } from '../../cdk8s/monitoring/monitoring.ts';
import type { RuleGroup } from '../../cdk8s/monitoring/rules/rule.ts';
import { type AlertCases, alertCases, type Situation } from './alert-cases.ts';
import { describePrometheus } from './prometheus-program.ts';

const all = rules({ kubeStateMetrics: true });
const alerts = all
  .flatMap((group) => group.rules)
  .flatMap((rule) => ('alert' in rule ? [rule] : []));

test('every alert has a situation in which it fires and one in which it does not', () => {
  const names = [...new Set(alerts.map(({ alert }) => alert))].sort();
  expect(Object.keys(alertCases).sort()).toEqual(names);
  for (const { fires, quiet } of Object.values(alertCases)) {
    expect(fires.length).toBeGreaterThan(0);
    expect(quiet.length).toBeGreaterThan(0);
  }
});

test('an alert says only what its labels tell', () => {
  for (const { alert, annotations } of alerts) {
    const texts = `${annotations.summary} ${annotations.description}`;
    const named = [...texts.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    for (const { firing = [] } of alertCases[alert]?.fires ?? []) {
      for (const labels of firing) {
        expect({ alert, labels: Object.keys(labels) }).toEqual({
          alert,
          labels: expect.arrayContaining(named),
        });
      }
    }
  }
});

await describePrometheus('the rules', ({ promtool }) => {
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'rules.yml'), ruleFile({ kubeStateMetrics: true }));
  });
  afterAll(() => directory.remove());

  const inDirectory = (args: readonly string[]) =>
    run({ command: promtool, args, cwd: directory.path });

  test('are understood by Prometheus, and none is there twice', async () => {
    const { ok, output } = await inDirectory(['check', 'rules', 'rules.yml']);
    expect(ok ? '' : output).toBe('');
    expect(output).toMatch(/SUCCESS: \d+ rules found/);
    expect(output).not.toMatch(/duplicate/);
  });

  test.each(Object.entries(alertCases))(
    '%s fires when it should, and only then',
    async (name, cases) => {
      const groups = groupsOf(name);
      await writeFile(join(directory.path, 'needed.yml'), JSON.stringify({ groups }));
      const file = `${name}.json`;
      await writeFile(join(directory.path, file), JSON.stringify(unitTest(name, cases)));
      const { ok, output } = await inDirectory(['test', 'rules', file]);
      expect(ok ? '' : output).toBe('');
    },
    60_000,
  );

  test('a situation in which an alert should fire and does not is found out', async () => {
    const [fires] = alertCases.WindlassOutboxStuck?.quiet ?? [];
    const wrong = { ...fires, firing: [{ severity: 'page', service: 'order' }] } as Situation;
    const text = JSON.stringify(unitTest('WindlassOutboxStuck', { fires: [wrong], quiet: [] }));
    await writeFile(join(directory.path, 'wrong.json'), text);
    expect((await inDirectory(['test', 'rules', 'wrong.json'])).ok).toBe(false);
  });
});

/** The alert's rules and what they read, in its order: a window of three days costs seconds. */
function groupsOf(alert: string): readonly RuleGroup[] {
  const own = alerts.filter((rule) => rule.alert === alert);
  const isRead = (name: string) => own.some(({ expr }) => expr.includes(name));
  return all
    .map(({ name, rules: some }) => ({
      name,
      rules: some.filter((rule) => ('alert' in rule ? own.includes(rule) : isRead(rule.record))),
    }))
    .filter(({ rules: some }) => some.length > 0);
}

/** A file of promtool's unit tests; JSON is YAML. */
function unitTest(alert: string, { fires, quiet, every = '1m' }: AlertCases) {
  return {
    rule_files: ['needed.yml'],
    evaluation_interval: every,
    // What is recorded comes before what reads it.
    group_eval_order: groupsOf(alert).map(({ name }) => name),
    tests: [...fires, ...quiet].map(({ series, at, firing = [] }) => ({
      interval: every,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: `ALERTS{alertname="${alert}",alertstate="firing"}`,
          eval_time: at,
          exp_samples: firing.map((labels) => ({
            labels: seriesOf({ alertname: alert, alertstate: 'firing', ...labels }),
            value: 1,
          })),
        },
      ],
    })),
  };
}

function seriesOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `ALERTS{${pairs.join(',')}}`;
}
