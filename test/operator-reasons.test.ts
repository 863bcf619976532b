import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { tableRows } from './tidy/tree.ts';

const root = join(import.meta.dirname, '..');
const document = readFileSync(join(root, 'docs/operator.md'), 'utf8');
const parts = ['assets', 'certificates', 'control', 'nats-cluster', 'nats-user'];
const word = /'((?:TLS|NATS)?[A-Z][a-z]+[A-Za-z]*|NoTLS)'/g;

/** What the sources write like a reason and is none: values of specs, kinds, steps, errors. */
const others = new Set(
  [
    'All Always AlwaysAllow Anywhere Approval Auto Background BadRequest Broken CertManager',
    'ClusterIP ContainerCreating Delete DeleteIfEmpty DeleteOptions Disabled',
    'DisruptionBudget DoNotSchedule Event Eviction Expired False Grow Ingress',
    'JetStreamError KubeError Lease Lost LostLeadership MoveStreams Names NatsUser None',
    'Normal NotFound OnDelete OnRootMismatch Opaque Orphan Parallel PersistentVolumeClaim',
    'Pod PodInitializing ReadWriteOnce ReconcileError Remove Replacing Required Retain',
    'RuntimeDefault ScheduleAnyway Secret SelfManaged Service Settle Settling StepDown Stop',
    'Terminating True Unauthorized Unknown Waiting Warning',
  ].flatMap((line) => line.split(' ')),
);

const sources = parts.flatMap((part) =>
  readdirSync(join(root, 'services/operator', part), { recursive: true })
    .map((file) => `${part}/${String(file)}`)
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|\/testing\//.test(file)),
);
const written = new Set(
  [...sources, 'api/read.ts'].flatMap((file) => {
    const text = readFileSync(join(root, 'services/operator', file), 'utf8');
    return [...text.matchAll(word)].map(([, name = '']) => name);
  }),
);
const named = (heading: string) => tableRows(document, heading).map(([name = '']) => name);
const documented = [...named('Conditions'), ...named('Reasons'), ...named('Events')];

test('docs/operator.md has every condition and reason that the operator gives', () => {
  const missing = [...written].filter((name) => !documented.includes(name) && !others.has(name));
  expect(missing).toEqual([]);
});

test('docs/operator.md has no other, and none twice', () => {
  expect(documented.filter((name) => !written.has(name))).toEqual([]);
  const tables = ['Conditions', 'Reasons', 'Events'].map(named);
  for (const names of tables) expect(names).toEqual([...new Set(names)]);
});

test('what is listed as no reason is still written somewhere', () => {
  expect([...others].filter((name) => !written.has(name))).toEqual([]);
});
