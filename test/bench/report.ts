import { z } from 'zod';
import { model, modelTotal } from './model.ts';
import { ratioNames, ratios, verdictOf, wordOf } from './ratios.ts';
import type { Results } from './results.ts';
import { generatorFreeShare, generatorMaxMicros } from './run.ts';

const numbers = z.record(z.string(), z.number());
const terminal = z.object({
  cpuMicrosPerOrder: numbers,
  residentMiB: numbers,
  eventsPerOrder: numbers,
  otherLoad: z.number(),
});
/** A service must stay below this under load. */
const residentMaxMiB = 150;

/** What a person wants to read at the end. */
export function report(results: Results): string {
  const lines = ['', ...ratioLines(results), ''];
  const peak = terminal.safeParse(results.figures.terminal);
  if (peak.success) lines.push(...cpuLines(peak.data), '', ...memoryLines(peak.data), '');
  if (results.costlyGenerator.size > 0) {
    const names = [...results.costlyGenerator].join('; ');
    lines.push(
      `The generator cost over ${generatorMaxMicros} µs a request, but under ` +
        `${generatorFreeShare * 100} % of a processor, in: ${names}`,
    );
  }
  for (const name of results.invalid) lines.push(`INVALID twice, generator too slow: ${name}`);
  for (const sentence of results.broken) lines.push(`BROKEN: ${sentence}`);
  if (results.broken.length === 0) lines.push('Money and stock were right after every run.');
  return `${lines.join('\n')}\n`;
}

function ratioLines(results: Results): string[] {
  const rows = ratioNames.map((name) => {
    const value = results.ratios[name];
    const target = ratios[name];
    const goal = 'goal' in target ? `${target.goal}` : '';
    const shown = value === undefined ? '–' : value.toFixed(3);
    return [target.title, name, shown, wordOf(target), goal, verdictOf(target, value)];
  });
  return table(['ratio', 'name', 'measured', 'target', 'goal', 'verdict'], rows);
}

function cpuLines(peak: z.output<typeof terminal>): string[] {
  const { cpuMicrosPerOrder: ours, eventsPerOrder } = peak;
  const rows = model.map(({ name, micros, words }) => [
    name,
    `${Math.round(ours[name] ?? 0)}`,
    `${Math.round(micros)}`,
    words,
  ]);
  const total = model.reduce((sum, { name }) => sum + (ours[name] ?? 0), 0);
  rows.push(['all', `${Math.round(total)}`, `${Math.round(modelTotal)}`, '']);
  for (const name of ['generator', 'bench']) {
    rows.push([name, `${Math.round(ours[name] ?? 0)}`, '', 'not part of the platform']);
  }
  const events = Object.values(eventsPerOrder).reduce((sum, count) => sum + count, 0);
  return [
    ...table(['CPU µs per order at the peak', 'ours', 'model', 'of the model'], rows),
    `Ours publishes ${events.toFixed(1)} events per order. ` +
      `Other load of the machine meanwhile: ${(peak.otherLoad * 100).toFixed(0)} %.`,
  ];
}

function memoryLines({ residentMiB }: z.output<typeof terminal>): string[] {
  const rows = Object.entries(residentMiB)
    .filter(([name]) => model.some((part) => part.name === name))
    .map(([name, mebibytes]) => [
      name,
      mebibytes.toFixed(0),
      name === 'nats' || name === 'provider' ? '' : verdict(mebibytes),
    ]);
  return table(['resident memory at the peak', 'MiB', `below ${residentMaxMiB}`], rows);
}

function verdict(mebibytes: number): string {
  return mebibytes < residentMaxMiB ? 'reached' : 'MISSED';
}

/** Columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)];
}
