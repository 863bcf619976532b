import { until } from '@windlass/runtime/testing/until.ts';
import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';
import { platformNamespace } from './platform.ts';

/**
 * The lock is given up by itself, should this process not come to it. An order waits for two
 * minutes for its reservation and is cancelled then.
 */
const heldSeconds = 110;
const lockName = 'held-by-the-cluster-run';
/** The controller looks every 15 seconds, at lag that it gets through three other programs. */
const outMs = 105_000;
/** The behaviour in `ci` waits 15 seconds and then takes all pods beyond the least. */
const backMs = 8 * 60_000;

const autoscaler = z.object({
  spec: z.object({ minReplicas: z.number(), maxReplicas: z.number() }),
  status: z
    .object({
      currentReplicas: z.number().optional(),
      desiredReplicas: z.number().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
        .default([]),
    })
    .default({ conditions: [] }),
});
const deployment = z.object({
  spec: z.object({ replicas: z.number() }),
  status: z.object({ replicas: z.number().default(0), readyReplicas: z.number().default(0) }),
});

export interface ScaledOut {
  /** How many replicas the autoscaler asked for. */
  readonly wanted: number;
  /** How many were ready while the messages waited. */
  readonly ready: number;
}

/** A worker whose replicas follow what it is behind. */
export class ScaledWorker {
  private readonly kubectl: Kubectl;
  private readonly service: string;

  constructor(kubectl: Kubectl, service: string) {
    this.kubectl = kubectl;
    this.service = service;
  }

  /** Resolves when its autoscaler reads the lag, with the least number of replicas. */
  async active(): Promise<number> {
    return await until(
      `the autoscaler of ${this.service} reads its metric`,
      async () => {
        const { spec, status } = await this.autoscaler();
        const isActive = status.conditions.some(
          (each) => each.type === 'ScalingActive' && each.status === 'True',
        );
        return isActive ? spec.minReplicas : undefined;
      },
      { withinMs: 5 * 60_000, everyMs: 1_000 },
    );
  }

  /**
   * Keeps it from handling anything: another session holds the table that every event of it needs.
   * Its pods stay ready, its messages wait. Resolves when the lock is held, with what gives it
   * up: that never throws.
   */
  async blocked(table: string): Promise<() => Promise<void>> {
    const lock = `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`;
    const held = this.sql(lockName, `BEGIN; ${lock}; SELECT pg_sleep(${heldSeconds}); COMMIT`);
    held.catch(() => {});
    const sessions = `FROM pg_stat_activity WHERE application_name = '${lockName}'`;
    const holders = `SELECT count(*) ${sessions} AND wait_event = 'PgSleep'`;
    const isHeld = async () => (await this.sql('looks', holders)) === '1';
    const giveUp = async () => {
      // It ends by itself when it cannot be ended.
      await this.sql('ends', `SELECT pg_terminate_backend(pid) ${sessions}`).catch(() => {});
      await held.catch(() => {});
    };
    try {
      await until(`${table} is locked`, isHeld, { withinMs: 60_000, everyMs: 500 });
    } catch (error) {
      await giveUp();
      throw error;
    }
    return giveUp;
  }

  /**
   * Resolves when more than `least` replicas are ready, or their time is over: on a machine that
   * is busy another one may start for longer than messages can be held. Throws when the
   * autoscaler did not even ask for more.
   */
  async scaledOut(least: number): Promise<ScaledOut> {
    const late = performance.now() + outMs;
    const most = { wanted: 0, ready: 0 };
    await until(
      `${this.service} is to have more than ${least} replicas`,
      async () => {
        const { spec, status } = await this.deployment();
        most.wanted = Math.max(most.wanted, spec.replicas);
        most.ready = Math.max(most.ready, status.readyReplicas);
        return most.ready > least || (most.wanted > least && performance.now() > late);
      },
      { withinMs: outMs, everyMs: 500 },
    );
    return most;
  }

  async scaledBack(least: number): Promise<void> {
    await until(
      `${this.service} is back to ${least} replicas`,
      async () => {
        const { spec, status } = await this.deployment();
        return spec.replicas === least && status.replicas === least;
      },
      { withinMs: backMs, everyMs: 1_000 },
    );
  }

  private async autoscaler() {
    const args = ['get', 'hpa', this.service, '-n', platformNamespace];
    return autoscaler.parse(await this.kubectl.json(...args));
  }

  private async deployment() {
    const args = ['get', 'deployment', this.service, '-n', platformNamespace];
    return deployment.parse(await this.kubectl.json(...args));
  }

  /** The first column of the first row, without the names of columns. */
  private async sql(application: string, text: string): Promise<string> {
    const database = `host=127.0.0.1 user=postgres dbname=${this.service}`;
    const connection = `${database} application_name=${application}`;
    const psql = ['psql', connection, '-qtAX', '-c', text];
    const pod = ['exec', '-n', platformNamespace, 'postgres-0', '-c', 'postgres', '--'];
    return (await this.kubectl.run(...pod, ...psql)).trim();
  }
}
