import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { repository } from './directory.ts';
import { type LineFormat, lineFormatter } from './log-lines.ts';
import { startPlatform } from './platform.ts';
import type { Platform } from './running-platform.ts';
import { commandsToTry, stockSamples } from './sample.ts';

const help = `npm start [-- flags]     the whole platform on this machine, without containers

  --fresh      empty .windlass/ first
  --offline    fetch no program
  --nats URL   use these servers and the streams on them, and start none
  --nkeys DIR  let each service in with the nkey in DIR/<service>.nkey
  --json       every line of output as JSON
  --no-color   no colours
  --help       this text

Ports: NATS_PORT (4222), POSTGRES_PORT (5432), and for every service <NAME>_PORT.
Ctrl-C stops everything in order, a second one at once.
`;
const flags = {
  fresh: { type: 'boolean' },
  offline: { type: 'boolean' },
  nats: { type: 'string' },
  nkeys: { type: 'string' },
  json: { type: 'boolean' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;
const sameRequestMs = 500;
/** Shown to a person after the start; the provider stands in for somebody else's service. */
const shown = ['order', 'inventory', 'payment'];

async function main(): Promise<number> {
  const values = parsed();
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const format = lineFormatter(formatOf(values));
  const print = (name: string, text: string) => {
    const line = format({ process: name, text });
    if (line !== undefined) process.stdout.write(`${line}\n`);
  };
  const say = (level: 'info' | 'warn', msg: string) =>
    print('windlass', JSON.stringify({ level, time: Date.now(), msg }));
  const abort = new AbortController();
  const force = new AbortController();
  let platform: Platform | undefined;
  let asked = 0;
  let askedAt = Number.NEGATIVE_INFINITY;
  const askedToStop = new Promise<void>((resolve) => {
    const stop = () => {
      // npm passes on the Ctrl-C that the terminal has already sent to everybody.
      if (performance.now() - askedAt < sameRequestMs) return;
      askedAt = performance.now();
      if (++asked > 1) {
        say('warn', 'stopping at once');
        force.abort();
      } else {
        say('info', 'stopping; once more to stop at once');
        abort.abort(new Error('stopped during the start'));
        resolve();
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
  try {
    platform = await startPlatform({
      dir: join(repository, '.windlass'),
      ports: 'declared',
      keepRunning: true,
      fresh: values.fresh === true,
      offline: values.offline === true,
      signal: abort.signal,
      force: force.signal,
      ...clusterOf(values),
      onLine: print,
      say,
    });
    await introduce(platform, say);
  } catch (error) {
    await platform?.stop();
    if (abort.signal.aborted) return 0;
    throw error;
  }
  await askedToStop;
  await platform.stop();
  say('info', 'stopped');
  return asked > 1 ? 1 : 0;
}

/** One sentence for a flag that there is not. */
function parsed() {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new Error(`${reason}; --help shows the flags.`);
  }
}

function clusterOf({ nats, nkeys }: { readonly nats?: string; readonly nkeys?: string }) {
  if (nats === undefined) {
    if (nkeys === undefined) return {};
    throw new Error('--nkeys goes with --nats.');
  }
  const env = (service: string) =>
    nkeys === undefined ? {} : { NATS_NKEY: resolve(nkeys, `${service}.nkey`) };
  return { cluster: { url: nats, env } };
}

async function introduce(
  platform: Platform,
  say: (level: 'info', line: string) => void,
): Promise<void> {
  const urls = new Map(platform.processes.map(({ service, url }) => [service, url]));
  const inventory = urls.get('inventory');
  if (inventory !== undefined) await stockSamples(inventory);
  for (const name of shown) {
    if (urls.has(name)) say('info', `${name.padEnd(9)} ${urls.get(name)}`);
  }
  const order = urls.get('order');
  if (order === undefined) return;
  say('info', 'try:');
  for (const command of commandsToTry(order)) say('info', `  ${command}`);
}

function formatOf(values: { readonly json?: boolean; readonly 'no-color'?: boolean }): LineFormat {
  if (values.json === true) return 'json';
  const plain = values['no-color'] === true || process.env.NO_COLOR !== undefined;
  return plain || !process.stdout.isTTY ? 'plain' : 'colour';
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}
