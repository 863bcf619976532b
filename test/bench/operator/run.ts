import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { verdictOf, wordOf } from '../ratios.ts';
import { converge } from './converge.ts';
import { quietWrites, startQuick, statusWritesUnderTraffic } from './quiet.ts';
import { repair } from './repair.ts';
import { rollLoaded } from './roll.ts';
import { type Scene, setScene } from './scene.ts';
import { type TargetName, targets } from './targets.ts';

const help = `npm run bench:operator [-- flags]     how fast and how quiet the operator is

  --json FILE   write every figure to FILE
  --quick       a tenth of the objects, to see that it works; the figures mean little
  --only PART   assets or roll
  --help        this text

It takes ten minutes and wants the machine for itself. A target that is missed is reported.
`;
const flags = {
  json: { type: 'string' },
  quick: { type: 'boolean' },
  only: { type: 'string' },
  help: { type: 'boolean' },
} as const;
const streamsOfAll = 1_000;

type Figures = Partial<Record<TargetName, number>>;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: flags });
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const started = performance.now();
  const say = (line: string) => {
    const seconds = Math.round((performance.now() - started) / 1_000);
    process.stderr.write(`${String(seconds).padStart(4)} s  ${line}\n`);
  };
  const streams = values.quick === true ? streamsOfAll / 10 : streamsOfAll;
  const details: Record<string, number> = {};
  const figures: Figures = {
    ...(values.only === 'roll' ? {} : await measureAssets(say, streams, details)),
    ...(values.only === 'assets' ? {} : await rollLoaded(say, details)),
  };
  process.stdout.write(table(figures, details));
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ figures, details }, null, 2)}\n`);
  }
  return 0;
}

async function measureAssets(
  say: (line: string) => void,
  streams: number,
  details: Record<string, number>,
): Promise<Figures> {
  const scene: Scene = await setScene(say);
  process.once('SIGINT', () => void scene.stop().then(() => process.exit(130)));
  try {
    const { operator, ...converged } = await converge(scene, streams);
    Object.assign(details, converged);
    const repairP99Seconds = await repair(scene, streams);
    await operator.stop();
    await startQuick(scene);
    return {
      convergeOverBare: converged.operatorSeconds / converged.bareSeconds,
      apiCallsPerObject: converged.apiCallsPerObject,
      jetStreamCallsPerObject: converged.jetStreamCallsPerObject,
      reconcileOverRoundTrip: converged.reconcileP99Ms / converged.roundTripMs,
      memoryMiB: converged.memoryMiB,
      repairP99Seconds,
      quietWrites: await quietWrites(scene),
      statusWritesPerMinute: await statusWritesUnderTraffic(scene, streams),
    };
  } finally {
    await scene.stop();
  }
}

function table(figures: Figures, details: Readonly<Record<string, number>>): string {
  const rows = (Object.keys(targets) as TargetName[]).map((name) => {
    const { title } = targets[name];
    const value = figures[name];
    const shown = value === undefined ? '—' : String(Number(value.toPrecision(3)));
    return [title, shown, wordOf(targets[name]), verdictOf(targets[name], value)];
  });
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const more = Object.entries(details).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  return `${lines.join('\n')}\n\n${more.join(', ')}\n`;
}

process.exitCode = await main();
