import type * as inventory from '@windlass/contracts/inventory.ts';
import type { EventData } from '@windlass/runtime/decision.ts';
import type { FailureCode } from '@windlass/runtime/failure/errors.ts';

/** No SKU ever has more pieces than this, so that no sum leaves the safe integers. */
export const onHandMax = 1_000_000_000_000;

/** The pieces of one SKU. What was ever stocked is the sum of the three. */
export interface Stock {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

/** What is added to each number; deltas of one SKU are summed before they are written. */
export type StockDelta = Stock;

type ReservedLine = EventData<typeof inventory.reserved>['lines'][number];
type Shortage = EventData<typeof inventory.rejected>['missing'][number];

export const onHandOf = ({ available, reserved, sold }: Stock): number =>
  available + reserved + sold;

/** `delta` alone when there is nothing to add it to. */
export function addDelta(to: Stock | undefined, delta: StockDelta): Stock {
  if (to === undefined) return delta;
  return {
    sku: delta.sku,
    available: to.available + delta.available,
    reserved: to.reserved + delta.reserved,
    sold: to.sold + delta.sold,
  };
}

/** One line per SKU, in SKU order. */
export function sumBySku(lines: readonly ReservedLine[]): ReservedLine[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  }
  return [...quantities]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((left, right) => (left.sku < right.sku ? -1 : 1));
}

/** The lines that the stock does not cover; an unknown SKU has nothing. */
export function missingOf(
  lines: readonly ReservedLine[],
  stock: ReadonlyMap<string, Stock>,
): Shortage[] {
  return lines.flatMap(({ sku, quantity }) => {
    const available = stock.get(sku)?.available ?? 0;
    return available >= quantity ? [] : [{ sku, requested: quantity, available }];
  });
}

/** A command's outcome: what is added and the stock after it, or why it is refused. */
export type Restocked =
  | { readonly delta: StockDelta; readonly stock: Stock }
  | { readonly refused: FailureCode };

/** Sets what was ever stocked of a SKU, a new one as well. */
export function setStock(sku: string, onHand: number, before: Stock | undefined): Restocked {
  const known = before ?? { sku, available: 0, reserved: 0, sold: 0 };
  const available = onHand - known.reserved - known.sold;
  if (available < 0) return { refused: 'stock-below-committed' };
  const delta = { sku, available: available - known.available, reserved: 0, sold: 0 };
  return { delta, stock: { ...known, available } };
}

export function addStock(sku: string, add: number, before: Stock | undefined): Restocked {
  if (before === undefined) return { refused: 'sku-not-found' };
  if (onHandOf(before) + add > onHandMax) return { refused: 'invalid-request' };
  const delta = { sku, available: add, reserved: 0, sold: 0 };
  return { delta, stock: { ...before, available: before.available + add } };
}
