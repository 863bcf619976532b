import { until } from '@windlass/runtime/testing/until.ts';
import { type ScaledOut, ScaledWorker } from './autoscaling.ts';
import { Customers, type Placing } from './customers.ts';
import { type Figures, figuresOf, type OrderLine, sentenceOf, spreadOf } from './figures.ts';
import type { Kubectl } from './kubectl.ts';
import { MemoryPeaks } from './memory.ts';
import {
  type DeployedPlatform,
  doubles,
  namespaceOf,
  type Pod,
  platformNamespace,
  services,
} from './platform.ts';
import { DeployedPrometheus, type Sample } from './prometheus.ts';
import type { Transcript } from './transcript.ts';

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
/** For some hundred orders to settle that were placed already. */
const settledMs = 10 * 60_000;
const crashedMs = 8 * 60_000;
const scrapedMs = 5 * 60_000;

/**
 * What is done with a platform that runs, each with what was measured or an Error. Figures that
 * say as much about the machine go to the transcript.
 */
export class Exercises {
  private readonly kubectl: Kubectl;
  private readonly platform: DeployedPlatform;
  private readonly customers: Customers;
  private readonly memory: MemoryPeaks;
  private readonly transcript: Transcript;
  private steady: Figures | undefined;

  constructor(kubectl: Kubectl, platform: DeployedPlatform, transcript: Transcript) {
    this.kubectl = kubectl;
    this.platform = platform;
    this.transcript = transcript;
    this.customers = new Customers(kubectl);
    this.memory = new MemoryPeaks(kubectl, [platformNamespace, 'windlass-system']);
  }

  /**
   * Ends the platform as whoever applied it would. A namespace does not end while something is
   * registered that does not answer any more, which nobody would find out sooner than here.
   */
  async takeAway(environment: string): Promise<string> {
    const began = performance.now();
    await this.customers.leave();
    await this.platform.remove(environment);
    const left = await this.kubectl.run('get', 'apiservices', '-o', 'name');
    if (left.includes('external.metrics')) throw new Error('external metrics are still registered');
    return `${((performance.now() - began) / 1_000).toFixed(0)} s`;
  }

  async firstOrder(): Promise<string> {
    await this.customers.prepare();
    const placing = await this.customers.place({ count: 1, rate: 1 });
    return sentenceOf(allConfirmed(await placing.finished(settledMs)));
  }

  async steadyLoad(): Promise<string> {
    const count = loadRate * steadySeconds;
    const placing = await this.customers.place({ count, rate: loadRate });
    const lines = await this.memory.during(placing.finished(settledMs));
    allConfirmed(lines);
    const from = Math.min(...lines.map(({ startedAt }) => startedAt)) + warmUpMs;
    this.steady = figuresOf(lines.filter(({ startedAt }) => startedAt >= from));
    return sentenceOf(this.steady);
  }

  async rollServices(): Promise<string> {
    const others = await doubles();
    const ours = (await services()).filter((name) => !others.includes(name));
    return await this.under(async () => {
      for (const service of ours) await this.platform.roll(service);
    }, 'a rolling update of every service');
  }

  /** What pays is away meanwhile, and orders wait for it: how long says nothing about us. */
  async replaceDoubles(): Promise<string> {
    return await this.under(async () => {
      for (const service of await doubles()) await this.platform.roll(service);
    });
  }

  async rollNats(): Promise<string> {
    return await this.under(() => this.platform.rollNats(), 'a rolling update of NATS');
  }

  async crashPods(): Promise<string> {
    return await this.under(async () => {
      for (const workload of ['order', 'nats', 'inventory']) await this.crashOne(workload);
      await this.platform.natsReady();
    });
  }

  async scaleOutAndBack(): Promise<string> {
    const worker = new ScaledWorker(this.kubectl, 'inventory');
    const least = await worker.active();
    // What was done before may have scaled it out already.
    await worker.scaledBack(least);
    const giveUp = await worker.blocked('stock');
    const placings: Placing[] = [];
    let most: ScaledOut;
    const began = performance.now();
    try {
      for (const _ of [1, 2]) placings.push(await this.customers.place(burst));
      most = await worker.scaledOut(least);
    } finally {
      await giveUp();
    }
    const outMs = performance.now() - began;
    const ended = Promise.all(placings.map((each) => each.finished(settledMs)));
    const figures = noneLost((await this.memory.during(ended)).flat());
    await worker.scaledBack(least);
    const backMs = performance.now() - began - outMs;
    const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;
    const { wanted, ready } = most;
    const out = `${ready} of ${wanted} replicas ready after ${seconds(outMs)}`;
    this.transcript.figure('another replica is ready while messages wait', ready > least, out);
    return (
      `${least} to ${wanted} replicas in ${seconds(outMs)}, back ${seconds(backMs)} later; ` +
      `all ${figures.placed} orders settled, ${figures.confirmed} of them CONFIRMED`
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
      { withinMs: scrapedMs, everyMs: 2_000 },
    );
    const targets = [...scraped.values()].reduce((sum, value) => sum + value, 0);
    const has = async (what: string, expression: string): Promise<readonly Sample[]> => {
      const found = async () => {
        const samples = await prometheus.query(expression);
        return samples.some(({ value }) => value > 0) ? samples : undefined;
      };
      return await until(what, found, { withinMs: scrapedMs, everyMs: 2_000 });
    };
    const every = 'count by (__name__) ({__name__=~"windlass_.+"})';
    const names = await has('Prometheus has series of the platform', every);
    const orders = 'sum(windlass_settled_seconds_count)';
    const [settled] = await has('Prometheus knows of settled orders', orders);
    return `${targets} targets up, ${names.length} series names, ${settled?.value} orders`;
  }

  async withinMemory(): Promise<string> {
    await this.memory.look();
    const peaks = [...this.memory.peaksMiB()];
    const kernel = ['order', 'inventory', 'payment'];
    const missing = kernel.filter((name) => peaks.every(([known]) => known !== name));
    if (missing.length > 0) throw new Error(`nothing is known of ${missing.join(', ')}`);
    const great = peaks.filter(([name, mib]) => kernel.includes(name) && mib > memoryMaxMiB);
    const text = peaks.map(([name, mib]) => `${name} ${Math.round(mib)} MiB`).sort();
    if (great.length > 0) throw new Error(`more than ${memoryMaxMiB} MiB: ${text.join(', ')}`);
    return text.join(', ');
  }

  /** Every exercise looks for them, so that a pod is not missed that was replaced afterwards. */
  async withoutRestarts(): Promise<string> {
    const look = () => this.platform.restarts();
    const restarts = await until('all pods are listed', look, { everyMs: 1_000 });
    if (restarts.length > 0) throw new Error(restarts.join(', '));
    return '';
  }

  /**
   * As the processes say themselves: from their start to the first request that they take. A
   * rolling update without load starts them; the best of a service counts, for the machine does
   * other things as well.
   */
  async startTimes(): Promise<string> {
    const found: string[] = [];
    for (const service of await services()) {
      await this.platform.roll(service);
      const pods = await this.platform.readyPods(service);
      const times = await Promise.all(pods.map((pod) => this.startedIn(pod, service)));
      const text = `${service} ${spreadOf(times)}`;
      found.push(text);
      const isSoon = times.some((ms) => ms < startMaxMs);
      this.transcript.figure(`${service} starts in less than a second`, isSoon, text);
    }
    await this.platform.restarts().catch(() => {});
    return `best, median, worst: ${found.join('; ')}`;
  }

  /** Its line is written a moment after it is ready. */
  private async startedIn({ metadata }: Pod, service: string): Promise<number> {
    const args = ['logs', '-n', namespaceOf(service), metadata.name, '-c', service];
    const started = async () => {
      const [, ms] = /"startMs":(\d+)/.exec(await this.kubectl.run(...args)) ?? [];
      return ms === undefined ? undefined : Number(ms);
    };
    const patience = { withinMs: 60_000, everyMs: 1_000 };
    return await until(`${metadata.name} tells how long its start took`, started, patience);
  }

  /** Deletes one and waits until as many are ready as there are to be. */
  private async crashOne(workload: string): Promise<void> {
    const victim = await until(
      `a pod of ${workload} is ready`,
      async () => (await this.platform.readyPods(workload))[0]?.metadata,
      { withinMs: crashedMs, everyMs: 500 },
    );
    await this.platform.crash(victim.name);
    await until(
      `${workload} is whole again`,
      async () => {
        const ready = await this.platform.readyPods(workload);
        // A StatefulSet gives the name again, a Deployment does not.
        const isGone = ready.every(({ metadata }) => metadata.uid !== victim.uid);
        return isGone && ready.length >= (await this.platform.wanted(workload));
      },
      { withinMs: crashedMs, everyMs: 500 },
    );
  }

  /**
   * Does something while orders are placed, none of which may be lost, and none of which may take
   * much longer where it has a name.
   */
  private async under(work: () => Promise<void>, unnoticed?: string): Promise<string> {
    const placing = await this.customers.place({ count: exerciseOrders, rate: loadRate });
    const began = performance.now();
    const failures: unknown[] = [];
    await this.memory.during(work()).catch((error) => failures.push(error));
    const placed = await placing.stopped();
    await this.platform.restarts().catch(() => {});
    const figures = figuresOf(placed);
    const seconds = Math.round((performance.now() - began) / 1_000);
    const text = `${sentenceOf(figures)}, in ${seconds} s`;
    for (const cause of failures) throw new Error(text, { cause });
    allConfirmed(placed);
    if (unnoticed !== undefined) this.compare(unnoticed, figures);
    return text;
  }

  /** How much slower the slowest orders were than usual. */
  private compare(what: string, { p99Ms }: Figures): void {
    const title = `${what} is hardly noticed`;
    const maxMs = Math.max(slowerMax * (this.steady?.p99Ms ?? 0), unnoticedMs);
    const ratio = this.steady === undefined ? undefined : p99Ms / this.steady.p99Ms;
    const times = ratio === undefined ? '' : `, ${ratio.toFixed(1)} times the steady one`;
    const measured = `p99 ${Math.round(p99Ms)} ms${times}; at most ${Math.round(maxMs)} ms`;
    this.transcript.figure(title, p99Ms <= maxMs, measured);
  }
}

/** Every order came to an end, whichever: a deadline may have been reached. */
function noneLost(lines: readonly OrderLine[]): Figures {
  const figures = figuresOf(lines);
  if (figures.failed.length === 0 && figures.placed > 0) return figures;
  throw new Error(`${sentenceOf(figures)}; ${reasonsOf(figures)}`);
}

function allConfirmed(lines: readonly OrderLine[]): Figures {
  const figures = figuresOf(lines);
  if (figures.confirmed === figures.placed && figures.placed > 0) return figures;
  throw new Error(`${sentenceOf(figures)}; ${reasonsOf(figures)}`);
}

function reasonsOf({ failed }: Figures): string {
  return [...new Set(failed)].slice(0, 5).join('; ');
}
