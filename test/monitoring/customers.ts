import { lanes } from '@windlass/contracts/service.ts';
import type { Platform } from '@windlass/local/running-platform.ts';
import { Shop } from '../journey/shop.ts';

const everyMs = 50;
const openMax = 20;

/** People who order in every lane, and look at what became of it, until they are told to stop. */
export class Customers {
  settled = 0;
  /** Why somebody was not served; the test looks at the first. */
  readonly troubles: unknown[] = [];
  private readonly shop: Shop;
  private readonly urls: { readonly inventory: string; readonly payment: string };
  private readonly sku: string;
  private readonly open = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private next = 0;

  private constructor(shop: Shop, urls: Customers['urls'], sku: string) {
    this.shop = shop;
    this.urls = urls;
    this.sku = sku;
    this.timer = setInterval(() => this.begin(), everyMs);
  }

  static async come(platform: Platform): Promise<Customers> {
    const urlOf = (service: string) => platform.replicas(service)[0].url;
    const [inventory, payment] = [urlOf('inventory'), urlOf('payment')];
    const shop = new Shop(urlOf('order'), { inventory, provider: urlOf('provider') });
    // Some charges stay unknown for a while, which the inventory is told of.
    await shop.faults({ timeoutAfterChargePercent: 10 });
    return new Customers(shop, { inventory, payment }, await shop.stock(1_000_000));
  }

  /** Resolves when everybody has gone. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.open);
  }

  private begin(): void {
    if (this.open.size >= openMax) return;
    const customer = this.serve(this.next++)
      .catch((trouble: unknown) => void this.troubles.push(trouble))
      .finally(() => this.open.delete(customer));
    this.open.add(customer);
  }

  private async serve(number: number): Promise<void> {
    const lane = lanes[number % lanes.length];
    const id = await this.shop.place([{ sku: this.sku, quantity: 1, unitPrice: 100 }], { lane });
    await this.shop.reaches(id, 'CONFIRMED');
    this.settled += 1;
    for (const url of [
      `${this.urls.inventory}/v1/stock/${this.sku}`,
      `${this.urls.payment}/v1/payments/${id}`,
    ]) {
      await (await fetch(url)).arrayBuffer();
    }
    if (number % 5 === 0) await this.shop.refund(id);
  }
}
