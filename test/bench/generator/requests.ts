/** A request is not used again before this many others were: by then its bytes are sent. */
const poolSize = 8_192;
const keyDigits = 10;
const lineCount = 5;
const zero = 48;

export const skuCount = 1_000;
/** Stands in every order of a run with a hot SKU, beside four others. */
export const hotSku = skuOf(0);

export function skuOf(number: number): string {
  return `SKU-${String(number).padStart(4, '0')}`;
}

/** Names the orders of one run: its orders have the keys `<prefix><10 digits>`. */
export function keyPrefix(run: number): string {
  return `bench-${String(run).padStart(4, '0')}-`;
}

/** Whole requests as bytes, made before the run; only the key is written anew each time. */
export class Requests {
  private readonly pool: readonly Buffer[];
  private readonly keyOffset: number;
  private next = 0;

  constructor(options: { readonly run: number; readonly hot: boolean; readonly port: number }) {
    const prefix = keyPrefix(options.run);
    const bodies = Array.from({ length: poolSize }, () => orderBody(options.hot));
    this.pool = bodies.map((body) => requestBytes(options.port, prefix, body));
    this.keyOffset = (this.pool[0]?.indexOf(prefix) ?? 0) + prefix.length;
  }

  /** The bytes of the order with this number. */
  take(number: number): Buffer {
    const request = this.pool[this.next];
    if (request === undefined) throw new Error('there are no requests');
    this.next = (this.next + 1) % poolSize;
    let rest = number;
    for (let place = this.keyOffset + keyDigits - 1; place >= this.keyOffset; place--) {
      request[place] = zero + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return request;
  }
}

/** Every body has the same length, so that runs differ in nothing but their SKUs. */
function orderBody(hot: boolean): string {
  const skus = new Set<string>(hot ? [hotSku] : []);
  while (skus.size < lineCount) skus.add(skuOf(below(skuCount)));
  const lines = [...skus].map((sku) => ({
    sku,
    quantity: 1 + below(3),
    unitPrice: 1_000 + below(9_000),
  }));
  const customerId = `c-${String(below(10_000)).padStart(4, '0')}`;
  return JSON.stringify({ customerId, currency: 'EUR', lines });
}

function requestBytes(port: number, prefix: string, body: string): Buffer {
  return Buffer.from(
    `POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Idempotency-Key: ${prefix}${'0'.repeat(keyDigits)}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function below(end: number): number {
  return Math.floor(Math.random() * end);
}
