import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '@windlass/local/directory.ts';
import { freePort } from '@windlass/local/ports.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import { z } from 'zod';
import { ruleFile } from '../../cdk8s/monitoring/monitoring.ts';
import { startTethered } from '../cluster/tethered.ts';
import type { PrometheusPrograms } from './prometheus-program.ts';

const stopMs = 10_000;

const vector = z.object({
  status: z.literal('success'),
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.string()]),
      }),
    ),
  }),
});

const targets = z.object({
  data: z.object({ activeTargets: z.array(z.object({ health: z.string() })) }),
});

const groups = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
});

const exemplars = z.object({
  data: z.array(
    z.object({ exemplars: z.array(z.object({ labels: z.record(z.string(), z.string()) })) }),
  ),
});

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that looks every second, with the rules of the project loaded. */
export interface RunningPrometheus {
  /** The samples of an instant query; throws what Prometheus says of one that it refuses. */
  query(expression: string): Promise<readonly Sample[]>;
  /** Labels of the exemplars that it has of these series. */
  exemplars(expression: string): Promise<readonly Readonly<Record<string, string>>[]>;
  /** Rules that could not be evaluated, each with the reason. */
  failedRules(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Resolves when every address (`host:port`) was scraped once. */
export async function startPrometheus(
  { prometheus }: PrometheusPrograms,
  addresses: readonly string[],
): Promise<RunningPrometheus> {
  const { child, directory, port } = await launch(prometheus, addresses);
  const ask = async (path: string, parameters: Readonly<Record<string, string>>) => {
    const body = new URLSearchParams(parameters);
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { method: 'POST', body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${parameters.query}: ${text}`);
    return JSON.parse(text) as unknown;
  };
  const stop = async () => {
    await child.stop('SIGTERM', stopMs);
    await directory.remove();
  };
  try {
    await until('every target was scraped', async () => {
      if (!child.running()) throw new Error(child.tail());
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/targets`);
      const { activeTargets } = targets.parse(await answer.json()).data;
      return activeTargets.length === addresses.length
        ? activeTargets.every(({ health }) => health === 'up')
        : false;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    query: async (expression) => {
      const { data } = vector.parse(await ask('query', { query: expression }));
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    exemplars: async (expression) => {
      const [end, start] = [Date.now() / 1_000 + 10, Date.now() / 1_000 - 600];
      const range = { start: `${start}`, end: `${end}` };
      const answer = await ask('query_exemplars', { query: expression, ...range });
      return exemplars.parse(answer).data.flatMap((each) => each.exemplars.map((e) => e.labels));
    },
    failedRules: async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/rules`);
      const rules = groups.parse(await answer.json()).data.groups.flatMap((group) => group.rules);
      return rules
        .filter(({ health }) => health === 'err')
        .map(({ name, lastError }) => `${name}: ${lastError}`);
    },
    stop,
  };
}

async function launch(prometheus: string, addresses: readonly string[]) {
  const directory = await temporaryDirectory();
  const port = await freePort();
  await writeFile(join(directory.path, 'rules.yml'), ruleFile());
  const settings = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    // The operator tells of objects: their namespace is not its own.
    scrape_configs: [
      { job_name: 'windlass', honor_labels: true, static_configs: [{ targets: addresses }] },
    ],
  };
  await writeFile(join(directory.path, 'prometheus.yml'), JSON.stringify(settings));
  const child = await startTethered({
    command: prometheus,
    args: [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    cwd: directory.path,
    env: process.env,
    onLine: () => {},
  });
  return { child, directory, port };
}
