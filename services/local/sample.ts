/** What there is to order after `npm start`. */
export const sampleSkus = Array.from({ length: 10 }, (_, index) => `SKU-${index + 1}`);
const onHand = 100_000;
/** An inventory that was started just now may not be reachable from everywhere yet. */
const attempts = 20;
const retryMs = 500;

/** Puts the sample stock where there is none. Throws when the inventory refuses it. */
export async function stockSamples(inventoryUrl: string): Promise<void> {
  for (const sku of sampleSkus) {
    const address = `${inventoryUrl}/v1/stock/${sku}`;
    const found = await answered(address);
    await found.arrayBuffer();
    if (found.status !== 404) continue;
    const put = await answered(address, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onHand }),
    });
    const answer = await put.text();
    if (!put.ok) throw new Error(`No sample stock for ${sku}: ${put.status} ${answer}`);
  }
}

/** A call that nobody answers is made again; both calls may be made twice. */
async function answered(address: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(address, init);
    } catch (error) {
      if (attempt === attempts) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

/** Two commands to try: the first places an order, the second waits for what becomes of it. */
export function commandsToTry(orderUrl: string): readonly string[] {
  const body = JSON.stringify({
    customerId: 'c-1',
    currency: 'EUR',
    lines: [{ sku: 'SKU-1', quantity: 2, unitPrice: 1999 }],
  });
  return [
    `curl -si ${orderUrl}/v1/orders -H 'content-type: application/json' ` +
      `-H "idempotency-key: $(date +%s)-$RANDOM" -d '${body}'`,
    `curl -s "${orderUrl}/v1/orders/<the id of the answer>?wait=10s"`,
  ];
}
