import { expect, test } from '@jest/globals';
import { type LineFormat, lineFormatter } from './log-lines.ts';

const format = (kind: LineFormat, process: string, text: string) =>
  lineFormatter(kind)({ process, text });
const time = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

test('shows name, time, level, message and fields of a JSON line', () => {
  const text = JSON.stringify({
    ...{ level: 40, time, pid: 7, hostname: 'h', service: 'order', orderId: 'o-1' },
    ...{ err: { type: 'Error', message: 'no stock', stack: 'at…' }, msg: 'refused' },
  });
  expect(format('plain', 'order-2', text)).toBe(
    'order-2      03:04:05.006 warn  refused orderId=o-1 err="no stock"',
  );
});

test('colours the name, a different one for each process', () => {
  const formatter = lineFormatter('colour');
  const line = (process: string) => formatter({ process, text: '{"level":30,"msg":"x"}' });
  expect(line('order')).not.toBe(line('payment'));
  expect(line('order')?.startsWith('\x1b[36morder')).toBe(true);
});

test('hides what the servers tell about themselves, and shows their warnings', () => {
  const nats = (level: string) => `[12] 2026/01/02 03:04:05.678901 [${level}] Slow consumer`;
  const postgres = (word: string) => `2026-01-02 03:04:05.678 UTC [12] ${word}:  deadlock detected`;
  expect(format('plain', 'nats', nats('INF'))).toBeUndefined();
  expect(format('plain', 'nats', nats('WRN'))).toMatch(/^nats +[\d:.]+ warn {2}Slow consumer$/);
  expect(format('plain', 'postgres', postgres('LOG'))).toBeUndefined();
  expect(format('plain', 'postgres', postgres('ERROR'))).toMatch(/error deadlock detected$/);
});

test('passes JSON on as it is and makes JSON of the rest', () => {
  const own = '{"level":30,"service":"order","msg":"x"}';
  expect(format('json', 'order', own)).toBe(own);
  expect(JSON.parse(format('json', 'probe', '{"level":30}') ?? '')).toEqual({
    service: 'probe',
    level: 30,
  });
  const text = '[12] 2026/01/02 03:04:05.678901 [ERR] bad';
  expect(JSON.parse(format('json', 'nats', text) ?? '')).toMatchObject({
    ...{ service: 'nats', level: 'error', msg: 'bad' },
  });
});

test('shows what is no JSON of a service, such as a crash', () => {
  expect(format('plain', 'order', 'Error: boom')).toMatch(/^order +[\d:.]+ info {2}Error: boom$/);
  expect(format('plain', 'order', '{broken')).toMatch(/\{broken$/);
  expect(format('plain', 'order', ' ')).toBeUndefined();
});
