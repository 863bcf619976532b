import { createServer } from 'node:http';
import { currency, id, line } from '@windlass/contracts/fields.ts';
import { z } from 'zod';
import { serve } from '../served.ts';

/**
 * What everything is compared with: the least that a server in Node.js can do for an order and
 * still look at it. No router, no header of its own, no key, nothing stored.
 */
const order = z.strictObject({
  customerId: id,
  currency,
  lines: z.array(z.strictObject(line.shape)).min(1).max(100),
});
const answer = JSON.stringify({
  orderId: '00000000-0000-7000-8000-000000000000',
  status: 'CREATED',
  acceptedAt: '2000-01-01T00:00:00.000Z',
});
const headers = { 'Content-Type': 'application/json', 'Content-Length': answer.length };

const server = createServer((request, response) => {
  let body: Buffer | undefined;
  request.on('data', (chunk: Buffer) => {
    body = body === undefined ? chunk : Buffer.concat([body, chunk]);
  });
  request.on('end', () => {
    const parsed = order.safeParse(JSON.parse(`${body}`));
    response.writeHead(parsed.success ? 202 : 400, headers);
    response.end(answer);
  });
});

serve(async (_, say) => {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    say({ kind: 'listening', port: typeof address === 'object' ? address?.port : 0 });
  });
});
