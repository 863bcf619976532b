import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';

const samples = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    value: z.tuple([z.number(), z.string()]),
  }),
);

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Asks the Prometheus of the platform, from inside its pod: nobody else may reach it. */
export class DeployedPrometheus {
  private readonly kubectl: Kubectl;

  constructor(kubectl: Kubectl) {
    this.kubectl = kubectl;
  }

  /** Throws when it does not answer; a Prometheus that has just started does not yet. */
  async query(expression: string): Promise<readonly Sample[]> {
    const pod = ['exec', '-n', 'windlass-monitoring', 'deployment/prometheus', '--'];
    const promtool = ['promtool', 'query', 'instant', '-o', 'json', 'http://127.0.0.1:9090'];
    const text = await this.kubectl.run(...pod, ...promtool, expression);
    return samples
      .parse(JSON.parse(text))
      .map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }
}
