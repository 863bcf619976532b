import { describe, expect, test } from '@jest/globals';
import { circleIn, mayImport } from './arrows.ts';
import { nameFindings } from './names.ts';
import { findings, hasLogic, importsOf, parse } from './syntax.ts';
import { fits, tableRows } from './tree.ts';

const source = (text: string, path = 'services/shop/shop.ts') => parse(path, text);

describe('code', () => {
  test.each([
    ['const x: any = 1;', '`any` hides what is known'],
    ['call(x!);', '`!` claims what the compiler cannot see'],
    ['const x = y as Order;', 'a cast needs a comment that says why it holds'],
    ['console.log(1);', 'the logger writes, not the console'],
    ['call(process.env.HOME);', 'the environment is read in services/runtime/config.ts'],
    ['interface IOrder {}', '"IOrder": an interface is named after what it is, without an I'],
    ['class OrderManager {}', '"OrderManager" says nothing'],
    [`// ${'TO' + 'DO'}: later\nrun();`, 'unfinished work is kept elsewhere'],
    [`// @${'ts'}-ignore\nrun();`, 'a check is not switched off'],
    [`function f() {${'\n'.repeat(70)}}`, 'a function has 71 lines, 70 are the most'],
  ])('is found wrong: %j', (text, sentence) => {
    expect(findings(source(text))).toEqual([`services/shop/shop.ts:1: ${sentence}`]);
  });

  test.each([
    ['// The column is checked.\nconst x = y as Order;'],
    ['const x = [1] as const;'],
    ["const text = 'any! console.log(process.env)';"],
    ['interface Item {}'],
    [`function f() {${'\n'.repeat(69)}}`],
  ])('is found right: %j', (text) => {
    expect(findings(source(text))).toEqual([]);
  });

  test('may cast in tests', () => {
    expect(findings(source('call(y as Order);', 'services/shop/shop.test.ts'))).toEqual([]);
  });

  test('has logic when it decides or repeats something', () => {
    expect(hasLogic(source('export const a = () => b;'))).toBe(false);
    expect(hasLogic(source('export const a = () => (b ? 1 : 2);'))).toBe(true);
    expect(hasLogic(source('for (const a of b) run(a);'))).toBe(true);
  });
});

describe('imports', () => {
  test.each([
    ["import { a } from './stock.ts';", 'services/shop/stock.ts', false],
    ["import type { a } from '../runtime/event.ts';", 'services/runtime/event.ts', true],
    ["export * from '@windlass/contracts/event.ts';", 'services/contracts/event.ts', false],
    ["await import('@scope/name/deep.js');", '@scope/name', false],
    ["createRequire(import.meta.url).resolve('esbuild');", 'esbuild', false],
    ["import fs from 'node:fs';", 'node:fs', false],
  ])('are seen: %s', (text, target, isTypeOnly) => {
    expect(importsOf(source(text))).toEqual([{ target, isTypeOnly }]);
  });

  test.each([
    ['services/order/order.ts', 'services/contracts/orders.ts', true],
    ['services/order/order.ts', 'services/payment/payment.ts', false],
    ['services/order/order.ts', 'services/runtime/broker/relay.ts', false],
    ['services/order/store.test.ts', 'services/local/testing.ts', true],
    ['services/order/store.ts', 'services/local/testing.ts', false],
    ['services/runtime/process.ts', 'services/runtime/broker/relay.ts', true],
    ['services/runtime/process.ts', 'services/order/order.ts', false],
    ['services/runtime/http/server.ts', 'services/runtime/broker/relay.ts', false],
    ['services/contracts/orders.ts', 'services/runtime/event.ts', false],
    ['test/journey/orders.test.ts', 'services/order/order.ts', true],
  ])('from %s to %s: %s', (path, target, isAllowed) => {
    expect(mayImport(path, target)).toBe(isAllowed);
  });

  test('in a circle are found', () => {
    const straight: [string, string[]][] = [
      ['a', ['b', 'c']],
      ['b', ['c']],
    ];
    expect(circleIn(new Map(straight))).toBeUndefined();
    expect(circleIn(new Map([...straight, ['c', ['b']]]))).toEqual(['b', 'c', 'b']);
  });
});

describe('names', () => {
  test.each([
    ['services/shop/utils.ts'],
    ['services/common/stock.ts'],
    ['services/shop/date-helpers.ts'],
    ['services/shop/StockLevel.ts'],
    ['services/shop/.try.ts'],
    ['services/shop/README.md'],
    ['docs/release-plan.md'],
  ])('%s is found wrong', (path) => {
    expect(nameFindings(path)).toHaveLength(1);
  });

  test.each([
    ['README.md'],
    ['.ci/run'],
    ['docs/adr/0001-postgresql-is-the-truth.md'],
    ['services/contracts/golden/inventory.commit-failed.v1.json'],
    ['services/local/progress.ts'],
  ])('%s is found right', (path) => {
    expect(nameFindings(path)).toEqual([]);
  });
});

test('a pattern has names and paths', () => {
  expect(fits('services/order/order.ts', 'services/*/order.ts')).toBe(true);
  expect(fits('services/a/b/order.ts', 'services/*/order.ts')).toBe(false);
  expect(fits('services/a/b/order.ts', 'services/**')).toBe(true);
});

test('tables are read below their heading', () => {
  const markdown =
    '# A\n\n| x |\n| --- |\n| 0 |\n\n## B\n\n| x | y |\n| - | - |\n| `1` | | \n\n## C\n';
  expect(tableRows(markdown, 'B')).toEqual([['1', '']]);
});
