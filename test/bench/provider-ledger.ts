import { z } from 'zod';

const pageSize = 1_000;

const summary = z.object({
  captured: z.int(),
  refunded: z.int(),
  captures: z.int(),
  refunds: z.int(),
  doubleCaptures: z.array(z.string()),
});
const report = z.object({
  items: z.array(z.object({ orderId: z.string(), captured: z.int(), refunded: z.int() })),
  next: z.string().nullable(),
});

/** Sums over the provider's whole ledger: the entries themselves are too many for one answer. */
export async function providerSummary(url: string): Promise<z.output<typeof summary>> {
  return summary.parse(await get(`${url}/ledger/summary`));
}

/** What the provider has taken and given back for each order after this one, in their order. */
export async function* providerTotals(
  url: string,
  after: string,
): AsyncGenerator<z.output<typeof report>['items'][number]> {
  let next: string | null = after;
  while (next !== null) {
    const address: string = `${url}/v1/report?after=${next}&limit=${pageSize}`;
    const page = report.parse(await get(address));
    yield* page.items;
    next = page.next;
  }
}

async function get(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return await answer.json();
}
