import { hash } from 'node:crypto';
import { settledStatuses } from '@windlass/contracts/orders.ts';
import { type Command, stale } from '@windlass/runtime/decision.ts';
import { Failure } from '@windlass/runtime/failure/errors.ts';
import {
  defineRoute,
  type ParsedRequest,
  type Reply,
  type Route,
} from '@windlass/runtime/http/route.ts';
import type { Waiters } from '@windlass/runtime/http/waiters.ts';
import type { Keyed, Kit, NewAggregate } from '@windlass/runtime/parts.ts';
import { type Commanded, cancel, requestRefund } from './commands.ts';
import { type Order, type PlaceOrder, place } from './order.ts';
import * as replies from './replies.ts';
import * as requests from './requests.ts';
import { acceptColumns, type World } from './store.ts';
import * as views from './view.ts';

type OrderKit = Kit<World, Order>;

export function routes(kit: OrderKit): Route[] {
  const waiters = kit.waiters({
    poll: async (ids) => {
      const rows = await kit.query<{ id: string }>(views.selectSettled(ids));
      return rows.map(({ id }) => id);
    },
  });
  return [
    placeOrder(kit),
    getOrder(kit, waiters),
    listOrders(kit),
    cancelOrder(kit),
    refundOrder(kit),
  ];
}

/** Until there is authentication everybody is the same principal. */
const scopeOf = (route: string) => `anonymous ${route}`;

/** Parsing gave every object the key order of its schema, so equal requests hash alike. */
function keyed(request: ParsedRequest, scope: string): Keyed {
  const { idempotencyKey: key, cause, params, body } = request;
  if (key === undefined) throw new Failure('idempotency-key-missing');
  const canonical = JSON.stringify([params, body]);
  return { scope, key, fingerprint: hash('sha256', canonical, 'buffer'), cause };
}

function placeOrder(kit: OrderKit): Route {
  const scope = scopeOf('POST /v1/orders');
  const accept = kit.acceptor('orders', acceptColumns);
  const { hotLaneAllowed, timing } = kit.config;
  const accepted = (command: PlaceOrder, now: number): NewAggregate<Order> => {
    const { order, events } = place(command, kit.newId(), now, timing);
    const { id: aggregateId, lane, version } = order;
    const decided = { aggregateId, lane, version, events };
    return { entity: order, decided, reply: replies.acceptedReply(order) };
  };
  return defineRoute({
    method: 'POST',
    path: '/v1/orders',
    operationId: 'placeOrder',
    summary: 'Places an order. The price of each line is the caller’s: there is no catalogue.',
    body: requests.placeBody,
    idempotent: true,
    admission: true,
    responses: { 202: { description: 'Accepted; see Location.', schema: replies.accepted } },
    problems: ['lane-not-permitted'],
    async handle(request) {
      const { lane, lines, ...order } = request.body;
      if (lane === 'hot' && !hotLaneAllowed) throw new Failure('lane-not-permitted');
      const command = { ...order, lane, lines: requests.mergeLines(lines) };
      return await accept((now) => accepted(command, now), keyed(request, scope));
    },
  });
}

async function readView(kit: OrderKit, orderId: string): Promise<views.OrderView> {
  const view = views.viewOf(await kit.query<views.ViewRow>(views.selectView(orderId)));
  if (view === undefined) throw new Failure('order-not-found');
  return view;
}

function getOrder(kit: OrderKit, waiters: Waiters): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/orders/:orderId',
    operationId: 'getOrder',
    summary: 'Reads an order; with `wait` answers as soon as it is settled.',
    params: requests.orderParams,
    query: requests.waitQuery,
    unknownParams: 'order-not-found',
    responses: { 200: { description: 'The order as it stands now.', schema: replies.view } },
    problems: ['order-not-found', 'too-many-waiters'],
    async handle({ params, query, signal }) {
      const view = await readView(kit, params.orderId);
      if (query.wait === undefined || settledStatuses.includes(view.status)) {
        return replies.ok(view);
      }
      await waiters.wait(params.orderId, query.wait, signal);
      return replies.ok(await readView(kit, params.orderId));
    },
  });
}

function listOrders(kit: OrderKit): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/orders',
    operationId: 'listOrders',
    summary: 'Lists orders, newest first. Several statuses are separated by commas.',
    query: requests.listQuery,
    responses: { 200: { description: 'A page; `next` goes into `after`.', schema: replies.page } },
    problems: [],
    async handle({ query: { status, after, limit } }) {
      const page = { statuses: [...new Set(status)].sort(), after, limit };
      const rows = await kit.query<views.SummaryRow>(views.selectPage(page));
      const items = rows.slice(0, limit).map(views.fromRow);
      const next = rows.length > limit ? (items.at(-1)?.orderId ?? null) : null;
      return replies.ok({ items, next });
    },
  });
}

function cancelOrder(kit: OrderKit): Route {
  const scope = scopeOf('POST /v1/orders/:orderId/cancel');
  return defineRoute({
    method: 'POST',
    path: '/v1/orders/:orderId/cancel',
    operationId: 'cancelOrder',
    summary: 'Cancels an order that is not confirmed. Asking again is answered alike.',
    params: requests.orderParams,
    body: requests.cancelBody,
    unknownParams: 'order-not-found',
    idempotent: true,
    responses: { 202: { description: 'The cancellation is under way.', schema: replies.view } },
    problems: ['order-not-found', 'order-not-cancellable'],
    async handle(request) {
      const { params, body } = request;
      // Lines and history are read before the lock: what is decided under it is added to them.
      const before = await readView(kit, params.orderId);
      const command = onOrder(
        params.orderId,
        (order, now) => cancel(order, body.reason, now, kit.config.timing),
        (order, now) => withLocation(order, views.viewAfter(before, order, now)),
      );
      return await kit.execute(command, keyed(request, scope));
    },
  });
}

function refundOrder(kit: OrderKit): Route {
  const scope = scopeOf('POST /v1/orders/:orderId/refund');
  return defineRoute({
    method: 'POST',
    path: '/v1/orders/:orderId/refund',
    operationId: 'refundOrder',
    summary: 'Refunds a confirmed order, all that is left of it when no amount is given.',
    params: requests.orderParams,
    body: requests.refundBody,
    unknownParams: 'order-not-found',
    idempotent: true,
    responses: { 202: { description: 'The refund is under way.', schema: replies.refundAccepted } },
    problems: ['order-not-found', 'order-not-refundable', 'refund-exceeds-captured'],
    async handle(request) {
      const { params, body } = request;
      const refundId = kit.newId();
      const refund = { refundId, amount: body.amount };
      const command = onOrder(
        params.orderId,
        (order, now) => requestRefund(order, refund, now, kit.config.timing),
        (order) => withLocation(order, { refundId }),
      );
      return await kit.execute(command, keyed(request, scope));
    },
  });
}

function withLocation(order: Order, body: unknown): Reply {
  return { ...replies.ok(body, 202), headers: { location: `/v1/orders/${order.id}` } };
}

function onOrder(
  orderId: string,
  decide: (order: Order, now: number) => Commanded,
  reply: (order: Order, now: number) => Reply,
): Command<World, Order, Reply | Failure> {
  return {
    aggregateId: orderId,
    decide(world, now) {
      const order = world.get(orderId);
      if (order === undefined) return { decision: stale, result: new Failure('order-not-found') };
      const commanded = decide(order, now);
      if ('refused' in commanded)
        return { decision: stale, result: new Failure(commanded.refused) };
      return { decision: commanded.decision, result: reply(commanded.order, now) };
    },
  };
}
