import * as fields from '@windlass/contracts/fields.ts';
import { Failure } from '@windlass/runtime/failure/errors.ts';
import { defineRoute, type Route } from '@windlass/runtime/http/route.ts';
import type { Kit, Row } from '@windlass/runtime/parts.ts';
import { z } from 'zod';
import { type Change, paymentStatuses, type World } from './payment.ts';
import { type PaymentView, selectPayment } from './store.ts';

type PaymentKit = Pick<Kit<World, Change>, 'query'>;

const view = z.object({
  status: z.enum(paymentStatuses),
  captured: fields.amount,
  refunded: fields.amount,
  /** Null when the order was cancelled before there was anything to charge. */
  currency: fields.currency.nullable(),
});

export function routes(kit: PaymentKit): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/payments/:orderId',
      operationId: 'getPayment',
      summary: 'Reads the payment of an order.',
      params: z.strictObject({ orderId: fields.id }),
      unknownParams: 'payment-not-found',
      responses: { 200: { description: 'The payment as it stands now.', schema: view } },
      problems: ['payment-not-found'],
      async handle({ params }) {
        const [row] = await kit.query<PaymentView & Row>(selectPayment(params.orderId));
        if (row === undefined) throw new Failure('payment-not-found');
        const { status, captured, refunded, currency } = row;
        return { status: 200, body: JSON.stringify({ status, captured, refunded, currency }) };
      },
    }),
  ];
}
