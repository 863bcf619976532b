import { settledStatuses } from '@windlass/contracts/orders.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { type Answer, newKey, orderOf, type Shop } from './shop.ts';
import type { Stack } from './stack.ts';

export interface LoadOptions {
  readonly perSecond: number;
  readonly faults?: Parameters<Shop['faults']>[0];
  /** How long a customer tries one thing before it counts as failed. */
  readonly patienceMs?: number;
  /** Things under way at a time. */
  readonly openMax?: number;
  /** Whether some orders are cancelled and some refunded as well. Yes unless said. */
  readonly mixed?: boolean;
}

/** Customers who order, cancel and want money back, until they are told to stop. */
export class Load {
  /** Orders that were accepted. */
  readonly accepted: string[] = [];
  /** What a customer did not get, although it was tried again and again. */
  readonly failures: string[] = [];
  /** Attempts that had to be repeated. */
  repeated = 0;
  private readonly shops: readonly Shop[];
  private readonly skus: readonly string[];
  private readonly options: LoadOptions;
  private readonly open = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private next = 0;

  private constructor(stack: Stack, skus: readonly string[], options: LoadOptions) {
    this.shops = stack.shops;
    this.skus = skus;
    this.options = options;
    this.timer = setInterval(() => this.begin(), 1_000 / options.perSecond);
  }

  static async start(stack: Stack, options: LoadOptions): Promise<Load> {
    const [shop] = stack.shops;
    const skus = await Promise.all(Array.from({ length: 8 }, () => shop.stock(100_000)));
    skus.push(await shop.stock(5));
    await shop.faults(options.faults ?? {});
    return new Load(stack, skus, options);
  }

  /** Resolves when so many orders were accepted since the load began. */
  async until(accepted: number, withinMs = 30_000): Promise<void> {
    await until(`${accepted} orders are accepted`, () => this.accepted.length >= accepted, {
      withinMs,
    });
  }

  /** Resolves when everything that was begun has ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.open);
  }

  private begin(): void {
    if (this.open.size >= (this.options.openMax ?? 256)) return;
    const customer = this.serve(this.next++)
      .catch((error: unknown) => {
        this.failures.push(String(error));
      })
      .finally(() => this.open.delete(customer));
    this.open.add(customer);
  }

  private async serve(number: number): Promise<void> {
    const lines = [number, number + 3].map((index) => ({
      sku: this.skus[index % this.skus.length] ?? '',
      quantity: 1 + (number % 3),
      unitPrice: 100 + (number % 50),
    }));
    const lane = number % 10 === 0 ? 'bulk' : 'standard';
    const placed = await this.surely('/v1/orders', orderOf(lines, { lane }), [202]);
    const id = String(placed.body.orderId);
    this.accepted.push(id);
    if (this.options.mixed === false) return;
    if (number % 6 === 0) await this.surely(`/v1/orders/${id}/cancel`, {}, [202, 409]);
    if (number % 6 === 1 && (await this.ends(id)) === 'CONFIRMED') {
      await this.surely(`/v1/orders/${id}/refund`, { amount: 50 }, [202]);
    }
  }

  private async ends(id: string): Promise<string> {
    const deadline = performance.now() + this.patienceMs;
    while (performance.now() < deadline) {
      const shop = this.shops[Math.random() < 0.5 ? 0 : 1];
      const view = await shop?.view(id, '2s').catch(() => undefined);
      if (view !== undefined && settledStatuses.includes(view.status)) return view.status;
    }
    return 'open';
  }

  /** The same key until there is an answer, at the other replica each time. */
  private async surely(path: string, body: object, wanted: readonly number[]): Promise<Answer> {
    const key = newKey();
    const deadline = performance.now() + this.patienceMs;
    let last: unknown;
    for (let attempt = this.next; performance.now() < deadline; attempt++) {
      try {
        const answer = await this.shops[attempt % 2]?.post(path, body, key);
        if (answer !== undefined && wanted.includes(answer.status)) return answer;
        last = `${answer?.status} ${answer?.text}`;
        const isFinal = answer !== undefined && answer.status < 500 && answer.status !== 409;
        if (isFinal) break;
      } catch (error) {
        last = error;
      }
      this.repeated += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`POST ${path}: ${String(last)}`);
  }

  private get patienceMs(): number {
    return this.options.patienceMs ?? 30_000;
  }
}
