import * as fields from '@windlass/contracts/fields.ts';
import { type Command, stale } from '@windlass/runtime/decision.ts';
import { Failure } from '@windlass/runtime/failure/errors.ts';
import { defineRoute, type Reply, type Route } from '@windlass/runtime/http/route.ts';
import type { Kit, Row } from '@windlass/runtime/parts.ts';
import { z } from 'zod';
import type { Change, World } from './inventory.ts';
import { addStock, onHandMax, onHandOf, type Restocked, type Stock, setStock } from './stock.ts';
import { selectStock } from './store.ts';

type InventoryKit = Pick<Kit<World, Change>, 'execute' | 'query'>;
/** A refusal is a result: it is given as a problem document. */
type StockCommand = Command<World, Change, Reply | Failure>;

const pieces = z.int().min(0).max(onHandMax);
const params = z.strictObject({ sku: fields.id });
const view = z.object({
  sku: fields.id,
  onHand: pieces,
  available: pieces,
  reserved: pieces,
  sold: pieces,
});

export function routes(kit: InventoryKit): Route[] {
  return [getStock(kit), putStock(kit), patchStock(kit)];
}

function replyOf(stock: Stock): Reply {
  const { sku, available, reserved, sold } = stock;
  return {
    status: 200,
    body: JSON.stringify({ sku, onHand: onHandOf(stock), available, reserved, sold }),
  };
}

function getStock(kit: InventoryKit): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/stock/:sku',
    operationId: 'getStock',
    summary: 'Reads the stock of a SKU.',
    params,
    unknownParams: 'sku-not-found',
    responses: { 200: { description: 'The stock as it stands now.', schema: view } },
    problems: ['sku-not-found'],
    async handle(request) {
      const [stock] = await kit.query<Stock & Row>(selectStock(request.params.sku));
      if (stock === undefined) throw new Failure('sku-not-found');
      return replyOf(stock);
    },
  });
}

function putStock(kit: InventoryKit): Route {
  return defineRoute({
    method: 'PUT',
    path: '/v1/stock/:sku',
    operationId: 'setStock',
    summary: 'Sets how many pieces of a SKU were ever stocked; a new SKU begins here.',
    params,
    body: z.strictObject({ onHand: pieces }),
    responses: { 200: { description: 'The stock after it.', schema: view } },
    problems: ['stock-below-committed'],
    async handle({ params: { sku }, body, cause }) {
      const command = onStock(sku, (before) => setStock(sku, body.onHand, before));
      return await kit.execute(command, { cause });
    },
  });
}

function patchStock(kit: InventoryKit): Route {
  return defineRoute({
    method: 'PATCH',
    path: '/v1/stock/:sku',
    operationId: 'addStock',
    summary: 'Adds pieces to the stock of a SKU.',
    params,
    body: z.strictObject({ add: z.int().min(1).max(1_000_000_000) }),
    unknownParams: 'sku-not-found',
    responses: { 200: { description: 'The stock after it.', schema: view } },
    problems: ['sku-not-found'],
    async handle({ params: { sku }, body, cause }) {
      const command = onStock(sku, (before) => addStock(sku, body.add, before));
      return await kit.execute(command, { cause });
    },
  });
}

/** The colon keeps a SKU apart from every order id. No event follows, so there is no version. */
function onStock(sku: string, decide: (before: Stock | undefined) => Restocked): StockCommand {
  return {
    aggregateId: `sku:${sku}`,
    resources: [sku],
    decide(world) {
      const before = world.stock.get(sku);
      const restocked = decide(before);
      if ('refused' in restocked)
        return { decision: stale, result: new Failure(restocked.refused) };
      const { delta, stock } = restocked;
      return {
        decision: {
          outcome: 'decided',
          aggregateId: `sku:${sku}`,
          lane: 'standard',
          version: 0,
          change: { kind: 'stock', isNew: before === undefined, stock: [delta] },
          events: [],
        },
        result: replyOf(stock),
      };
    },
  };
}
