import { until } from '@windlass/runtime/testing/until.ts';
import { ScaledWorker } from './autoscaling.ts';
import { Customers, type Placing } from './customers.ts';
import { type Figures, figuresOf, type OrderLine, sentenceOf } from './figures.ts';
import type { Kubectl } from './kubectl.ts';
import { MemoryPeaks } from './memory.ts';
import {
  type DeployedPlatform,
  isOf,
  isPodReady,
  type Pod,
  platformNamespace,
  services,
} from './platform.ts';
import { DeployedPrometheus } from './prometheus.ts';

/** Orders a second while something is done to the platform. */
const loadRate = 10;
const steadySeconds = 40;
/** Of a load, for connections and plans to be made. */
const warmUpMs = 10_000;
/** So many times longer than in a steady state may the slowest in a hundred take meanwhile. */
const slowerMax = 5;
/** Nobody who waits for an order to be confirmed minds that long, whatever is usual. */
const unnoticedMs = 2_000;
/** More than an exercise lasts; it is told to stop before. */
const exerciseOrders = loadRate * 15 * 60;
/**
 * Of each of two customers: together more than what two replicas may be behind without another
 * one. One alone follows no more than 900 orders at a time.
 */
const burst = { count: 800, rate: 40 };
const memoryMaxMiB = 192;
/** From the start of the process to its first request, without the image. */
const startMaxMs = 1_000;

/** What is done with a platform that runs, each with what was measured or an Error. */
export class Exercises {
  private readonly kubectl: Kubectl;
  private readonly platform: DeployedPlatform;
  private readonly customers: Customers;
  private readonly memory: MemoryPeaks;
  private steady: Figures | undefined;

  constructor(kubectl: Kubectl, platform: DeployedPlatform) {
    this.kubectl = kubectl;
    this.platform = platform;
    this.customers = new Customers(kubectl);
    this.memory = new MemoryPeaks(kubectl, [platformNamespace, 'windlass-system']);
  }

  async firstOrder(): Promise<string> {
    await this.customers.prepare();
    const placing = await this.customers.place({ count: 1, rate: 1 });
    return sentenceOf(allConfirmed(await placing.finished(120_000)));
  }

  async steadyLoad(): Promise<string> {
    const count = loadRate * steadySeconds;
    const placing = await this.customers.place({ count, rate: loadRate });
    const lines = await placing.finished(5 * 60_000);
    allConfirmed(lines);
    const from = Math.min(...lines.map(({ startedAt }) => startedAt)) + warmUpMs;
    this.steady = figuresOf(lines.filter(({ startedAt }) => startedAt >= from));
    await this.memory.look();
    return sentenceOf(this.steady);
  }

  async rollServices(): Promise<string> {
    return await this.under(async () => {
      for (const service of await services()) await this.platform.roll(service);
    });
  }

  async rollNats(): Promise<string> {
    return await this.under(() => this.platform.rollNats());
  }

  async crashPods(): Promise<string> {
    return await this.under(async () => {
      for (const workload of ['order', 'nats', 'inventory']) await this.crashOne(workload);
    });
  }

  async scaleOutAndBack(): Promise<string> {
    const worker = new ScaledWorker(this.kubectl, 'inventory');
    const least = await worker.active();
    const giveUp = await worker.blocked('stock');
    const placings: Placing[] = [];
    let most: number;
    const began = performance.now();
    try {
      for (const _ of [1, 2]) placings.push(await this.customers.place(burst));
      most = await worker.scaledOut(least);
    } finally {
      await giveUp();
    }
    const outMs = performance.now() - began;
    const lines = await Promise.all(placings.map((each) => each.finished(5 * 60_000)));
    const figures = allConfirmed(lines.flat());
    await this.memory.look();
    await worker.scaledBack(least);
    const backMs = performance.now() - began - outMs;
    const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;
    return (
      `${least} to ${most} replicas in ${seconds(outMs)}, back ${seconds(backMs)} later; ` +
      `${figures.confirmed} of ${figures.placed} orders CONFIRMED meanwhile`
    );
  }

  async metrics(): Promise<string> {
    const prometheus = new DeployedPrometheus(this.kubectl);
    const wanted = await services();
    const scraped = await until(
      `Prometheus scrapes ${wanted.join(', ')}`,
      async () => {
        const up = await prometheus.query('count by (job) (up == 1)');
        const jobs = new Map(up.map(({ labels, value }) => [labels.job, value]));
        return wanted.every((service) => (jobs.get(service) ?? 0) > 0) ? jobs : undefined;
      },
      { withinMs: 120_000, everyMs: 2_000 },
    );
    const targets = [...scraped.values()].reduce((sum, value) => sum + value, 0);
    const names = await prometheus.query('count by (__name__) ({__name__=~"windlass_.+"})');
    const settled = await prometheus.query('sum(windlass_settled_seconds_count)');
    if ((settled[0]?.value ?? 0) === 0) throw new Error('it knows of no settled order');
    return `${targets} targets up, ${names.length} series names, ${settled[0]?.value} orders`;
  }

  async withinMemory(): Promise<string> {
    await this.memory.look();
    const peaks = [...this.memory.peaksMiB()];
    const restarts = await this.platform.restarts();
    const killed = restarts.filter((each) => each.includes('OOMKilled'));
    if (killed.length > 0) throw new Error(`out of memory: ${killed.join(', ')}`);
    const kernel = ['order', 'inventory', 'payment'];
    const great = peaks.filter(([name, mib]) => kernel.includes(name) && mib > memoryMaxMiB);
    const text = peaks.map(([name, mib]) => `${name} ${Math.round(mib)} MiB`).sort();
    if (great.length > 0) throw new Error(`more than ${memoryMaxMiB} MiB: ${text.join(', ')}`);
    return `${text.join(', ')}; restarts: ${restarts.join(', ') || 'none'}`;
  }

  /**
   * As the processes say themselves: from their start to the first request that they take. The best
   * of a rolling update without load counts, for the machine does other things as well.
   */
  async startTimes(): Promise<string> {
    const found: string[] = [];
    const slow: string[] = [];
    for (const service of ['order', 'inventory', 'payment']) {
      await this.platform.roll(service);
      const pods = (await this.platform.pods()).filter((pod) => isOf(pod, service));
      const times = await Promise.all(pods.map((pod) => this.startedIn(pod, service)));
      const known = times.filter((ms) => ms !== undefined);
      const best = Math.min(...known);
      found.push(`${service} ${known.join(', ')} ms`);
      if (best >= startMaxMs) slow.push(service);
    }
    if (slow.length > 0) throw new Error(`${slow.join(', ')} too slow: ${found.join('; ')}`);
    return found.join('; ');
  }

  private async startedIn({ metadata }: Pod, container: string): Promise<number | undefined> {
    const args = ['logs', '-n', platformNamespace, metadata.name, '-c', container];
    const { output } = await this.kubectl.attempt(...args);
    const [, ms] = /"startMs":(\d+)/.exec(output) ?? [];
    return ms === undefined ? undefined : Number(ms);
  }

  /** Deletes one and waits until as many are ready as before. */
  private async crashOne(workload: string): Promise<void> {
    const before = (await this.platform.pods()).filter((pod) => isOf(pod, workload));
    const [victim] = before;
    if (victim === undefined) throw new Error(`there is no pod of ${workload}`);
    await this.platform.crash(victim.metadata.name);
    await until(
      `${workload} is whole again`,
      async () => {
        const now = (await this.platform.pods()).filter((pod) => isOf(pod, workload));
        // A StatefulSet gives the name again, a Deployment does not.
        const ready = now.filter(isPodReady);
        return ready.length >= before.length && ready.every(({ metadata }) => !isSame(metadata));
      },
      { withinMs: 180_000, everyMs: 500 },
    );
    function isSame(metadata: Pod['metadata']): boolean {
      return metadata.uid === victim?.metadata.uid;
    }
  }

  /** Does something while orders are placed. None may be lost, and the slowest are not too slow. */
  private async under(work: () => Promise<void>): Promise<string> {
    const placing = await this.customers.place({ count: exerciseOrders, rate: loadRate });
    const began = performance.now();
    let figures: Figures;
    try {
      await work();
    } finally {
      const lines = await placing.stopped();
      figures = figuresOf(lines);
    }
    await this.memory.look();
    const seconds = Math.round((performance.now() - began) / 1_000);
    const text = `${sentenceOf(figures)}, in ${seconds} s`;
    if (figures.confirmed !== figures.placed) throw new Error(`${text}; ${reasonsOf(figures)}`);
    const steadyMs = this.steady?.p99Ms ?? Number.POSITIVE_INFINITY;
    const ratio = `${(figures.p99Ms / steadyMs).toFixed(1)} times the steady p99`;
    if (figures.p99Ms > Math.max(slowerMax * steadyMs, unnoticedMs)) {
      throw new Error(`${text}, ${ratio}`);
    }
    return `${text}, ${ratio}`;
  }
}

function allConfirmed(lines: readonly OrderLine[]): Figures {
  const figures = figuresOf(lines);
  if (figures.confirmed === figures.placed && figures.placed > 0) return figures;
  throw new Error(`${sentenceOf(figures)}; ${reasonsOf(figures)}`);
}

function reasonsOf({ failed }: Figures): string {
  return [...new Set(failed)].slice(0, 5).join('; ');
}
