import type { ClaimedEffect, EffectHandler } from '@windlass/runtime/effect.ts';
import { Pool } from 'undici';
import { type ChargePayload, chargeKey, type RefundPayload } from './decisions.ts';
import { type ChargeResult, type RefundResult, settleCharge, settleRefund } from './outcomes.ts';
import { type Change, defaultTiming, type Timing, type World } from './payment.ts';
import {
  type Charge,
  type Outcome,
  ProviderClient,
  type ProviderRefund,
  replyBytesMax,
} from './provider-client.ts';

export interface Effects {
  readonly charge: EffectHandler<World, Change, ChargePayload, ChargeResult>;
  readonly refund: EffectHandler<World, Change, RefundPayload, RefundResult>;
}

/**
 * The connections to the provider at `url`, kept alive, one for each of `calls` calls at a time.
 * They are not pipelined: behind a call that is never answered, others would time out as well
 * and leave payments unknown that are not.
 */
export function connectProvider(url: string, timing: Timing = defaultTiming, calls = 64) {
  const pool = new Pool(url, {
    connections: calls,
    pipelining: 1,
    maxResponseSize: replyBytesMax,
    connect: { timeout: timing.providerTimeoutMs },
  });
  return { client: new ProviderClient(pool, timing.providerTimeoutMs), close: () => pool.close() };
}

/**
 * After the first attempt the outcome is looked up before anything is sent again, and then only
 * with the same key.
 */
export function effects(client: ProviderClient, timing: Timing = defaultTiming): Effects {
  return {
    charge: {
      async perform(effect, signal) {
        const found = await beforeRetry(effect, () => client.findCharge(effect.id, signal));
        if (found !== 'not-found') return chargeResult(found, effect.payload);
        const request = { key: effect.id, ...effect.payload };
        return chargeResult(await client.charge(request, signal), effect.payload);
      },
      settle: (effect, result, world, now) => settleCharge(effect, result, world, now, timing),
      isFailure: (result) => result.outcome === 'unknown',
    },
    refund: {
      async perform(effect, signal) {
        const { orderId, amount } = effect.payload;
        const found = await beforeRetry(effect, () => client.findRefund(effect.id, signal));
        if (found !== 'not-found') return refundResult(found, amount);
        const request = { key: effect.id, chargeKey: chargeKey(orderId), amount };
        return refundResult(await client.refund(request, signal), amount);
      },
      settle: (effect, result, world, now) => settleRefund(effect, result, world, now, timing),
      isFailure: (result) => result.outcome === 'unknown',
    },
  };
}

async function beforeRetry<Answer>(
  effect: ClaimedEffect<unknown>,
  find: () => Promise<Outcome<Answer>>,
): Promise<Outcome<Answer>> {
  return effect.attempts === 0 ? 'not-found' : await find();
}

/** An answer about another amount than was asked for says nothing about ours. */
function chargeResult(found: Outcome<Charge>, asked: ChargePayload): ChargeResult {
  if (found === 'unknown' || found === 'not-found') return { outcome: 'unknown' };
  if (found.status === 'declined') return { outcome: 'declined', reason: found.reason };
  const isAsked = found.amount === asked.amount && found.currency === asked.currency;
  return { outcome: isAsked ? 'captured' : 'unknown' };
}

function refundResult(found: Outcome<ProviderRefund>, asked: number): RefundResult {
  if (found === 'unknown' || found === 'not-found') return { outcome: 'unknown' };
  if (found.status === 'refused') return { outcome: 'refused', reason: found.reason };
  return { outcome: found.amount === asked ? 'refunded' : 'unknown' };
}
