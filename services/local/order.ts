import { parseArgs } from 'node:util';
import { type Placed, placeOrders } from './order-load.ts';
import { portFrom } from './ports.ts';
import { Progress } from './progress.ts';

const help = `npm run order -- [flags]     places orders and follows them to their end

  --count N          how many (100)
  --url URL          of the order service (http://127.0.0.1:8080)
  --concurrency N    requests at a time (32)
  --rate N           orders a second at most (no bound)
  --help             this text
`;
const flags = {
  count: { type: 'string', default: '100' },
  url: { type: 'string' },
  concurrency: { type: 'string', default: '32' },
  rate: { type: 'string' },
  help: { type: 'boolean' },
} as const;
const orderPort = 8_080;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: flags });
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const count = whole('--count', values.count, 10_000_000);
  const concurrency = whole('--concurrency', values.concurrency, 1_000);
  const rate = values.rate === undefined ? undefined : whole('--rate', values.rate, 1_000_000);
  const port = portFrom(process.env, 'ORDER_PORT', orderPort);
  const url = values.url ?? `http://127.0.0.1:${port}`;
  const progress = new Progress(count, process.stdout);
  const placed: Placed = { onAccepted: progress.accepted, onSettled: progress.settled };
  const failures = await placeOrders({
    ...placed,
    ...{ url, count, concurrency },
    ...(rate === undefined ? {} : { rate }),
  });
  progress.end();
  for (const [reason, times] of failures) process.stderr.write(`${times} times: ${reason}\n`);
  return progress.complete() ? 0 : 1;
}

function whole(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`${flag} is "${text}", which is not a whole number from 1 to ${max}.`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
