import { parseArgs } from 'node:util';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { type LoadOptions, placeOrders } from './order-load.ts';
import { portFrom } from './ports.ts';
import { Progress } from './progress.ts';
import { stockSamples } from './sample.ts';

const help = `npm run order -- [flags]     places orders and follows them to their end

  --count N          how many (100)
  --url URL          of the order service (http://127.0.0.1:8080)
  --concurrency N    requests at a time (32)
  --rate N           orders a second at most (no bound)
  --settle SECONDS   after which an order that is not settled counts as lost (60)
  --stock URL        of the inventory, which gets the sample stock first
  --json             a line of JSON for each order instead of the progress
  --help             this text

SIGTERM ends the placing of orders; those that are under way are followed to their end.
`;
const flags = {
  count: { type: 'string', default: '100' },
  url: { type: 'string' },
  concurrency: { type: 'string', default: '32' },
  rate: { type: 'string' },
  settle: { type: 'string', default: '60' },
  stock: { type: 'string' },
  json: { type: 'boolean' },
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
  if (values.stock !== undefined) await stockSamples(values.stock);
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  const load = {
    ...{ url, count, concurrency, signal: stopping.signal },
    settleMs: whole('--settle', values.settle, 3_600) * 1_000,
    ...(rate === undefined ? {} : { rate }),
  };
  return values.json === true ? await asLines(load) : await withProgress(load);
}

type Load = Omit<LoadOptions, 'onAccepted' | 'onSettled'>;

async function withProgress(load: Load): Promise<number> {
  const progress = new Progress(load.count, process.stdout);
  const { accepted: onAccepted, settled: onSettled } = progress;
  const failures = await placeOrders({ ...load, onAccepted, onSettled });
  progress.end();
  for (const [reason, times] of failures) process.stderr.write(`${times} times: ${reason}\n`);
  return progress.complete() ? 0 : 1;
}

/** For programs that read: what became of each order, as soon as it is known. */
async function asLines(load: Load): Promise<number> {
  const line = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);
  const failures = await placeOrders({
    ...load,
    onAccepted: () => {},
    onSettled: line,
    onFailed: (startedAt, failed) => line({ startedAt, failed }),
  });
  return failures.size === 0 ? 0 : 1;
}

function whole(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`${flag} is "${text}", which is not a whole number from 1 to ${max}.`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}
