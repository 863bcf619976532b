import { Histogram } from '../histogram.ts';
import { wallClock } from './clock.ts';
import { Connection, type Listener } from './connection.ts';
import type { LoadResult, LoadSpec } from './load.ts';
import { Requests } from './requests.ts';

const accepted = 202;
/** Requests that wait for a connection in an open loop; more are not sent at all. */
const waitingMax = 200_000;
/** After the end the answers to what was sent are waited for, for this long at most. */
const lastAnswersMs = 20_000;
const spinMs = 1.5;
const refusedPauseMs = 20;
/** Places in front of the queue of idle connections before it is moved up. */
const idleKept = 4_096;
/** Never changes: waiting for it to change is sleeping. */
const nothing = new Int32Array(new SharedArrayBuffer(4));

/** One run: owns its connections from their opening to their end. */
export class LoadRun implements Listener {
  private readonly spec: LoadSpec;
  private readonly requests: Requests;
  private readonly onPhase: (phase: 'begin' | 'end') => void;
  private readonly connections: Connection[] = [];
  /** Used in turn: a server closes a connection that has been quiet for long. */
  private idle: Connection[] = [];
  private idleFrom = 0;
  /** Intended times of what waits for a connection, from `waitingFrom` on. */
  private waiting: number[] = [];
  private waitingFrom = 0;
  private rate: number;
  private nextAt = 0;
  private sent = 0;
  private open = 0;
  private unsent = 0;
  private sending = true;
  private readonly statuses: Record<string, number> = {};
  private readonly latency = new Histogram();
  private readonly refusedLatency = new Histogram();
  private readonly intendedAt: number[] = [];
  private readonly epoch: number;
  private firstMeasured = 0;
  private answers = 0;
  private napping = false;
  private finished: () => void = () => undefined;

  constructor(spec: LoadSpec, onPhase: (phase: 'begin' | 'end') => void) {
    this.spec = spec;
    this.rate = spec.rate;
    this.onPhase = onPhase;
    this.requests = new Requests(spec);
    this.epoch = wallClock() - performance.now();
  }

  setRate(rate: number): void {
    this.rate = rate;
  }

  async run(): Promise<LoadResult> {
    const { spec } = this;
    this.nextAt = performance.now();
    for (let index = 0; index < spec.connections; index++) {
      this.connections.push(new Connection(spec.port, this));
    }
    if (spec.mode !== 'closed') this.tick();
    await passed(spec.warmMs);
    this.latency.reset();
    this.refusedLatency.reset();
    this.answers = 0;
    this.firstMeasured = this.sent;
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    this.onPhase('begin');
    await passed(spec.runMs);
    const { user, system } = process.cpuUsage(cpu);
    const measured = {
      seconds: (performance.now() - startedAt) / 1_000,
      answered: this.answers,
      accepted: this.latency.count,
      cpuMicros: user + system,
      firstMeasured: this.firstMeasured,
    };
    this.onPhase('end');
    await this.finish();
    return {
      kind: 'result',
      ...measured,
      statuses: this.statuses,
      unsent: this.unsent,
      latency: this.latency.buckets().map(([bucket, count]) => [bucket, count]),
      refusedLatency: this.refusedLatency.buckets().map(([bucket, count]) => [bucket, count]),
      intendedAt: this.intendedAt,
    };
  }

  free(connection: Connection, now: number): void {
    if (!this.sending) return;
    if (this.spec.mode === 'closed') {
      this.send(connection, now);
      return;
    }
    const intended = this.waiting[this.waitingFrom];
    if (intended === undefined) {
      this.putIdle(connection);
      return;
    }
    this.waitingFrom += 1;
    if (this.waitingFrom === this.waiting.length) {
      this.waiting = [];
      this.waitingFrom = 0;
    }
    this.send(connection, intended);
  }

  private putIdle(connection: Connection): void {
    if (this.idleFrom > idleKept) {
      this.idle = this.idle.slice(this.idleFrom);
      this.idleFrom = 0;
    }
    this.idle.push(connection);
  }

  answered(connection: Connection, status: number, now: number): void {
    this.open -= 1;
    this.answers += 1;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    const micros = (now - connection.intendedAt) * 1_000;
    if (status === accepted) this.latency.record(micros);
    else this.refusedLatency.record(micros);
    if (!this.sending && this.open === 0) this.finished();
    if (!connection.ready) return;
    // A client that is refused and asks again at once would measure how fast it can be refused.
    if (status !== accepted && this.spec.mode === 'closed') {
      setTimeout(() => this.retry(connection), refusedPauseMs);
    } else this.free(connection, now);
    if (this.spec.mode === 'closed') this.napSoon();
  }

  private retry(connection: Connection): void {
    if (connection.ready) this.free(connection, performance.now());
  }

  private napSoon(): void {
    if (this.spec.napMs === 0 || this.napping) return;
    this.napping = true;
    setImmediate(this.nap);
  }

  private nap = (): void => {
    this.napping = false;
    Atomics.wait(nothing, 0, 0, this.spec.napMs);
  };

  private send(connection: Connection, intendedAt: number): void {
    const number = this.sent++;
    this.open += 1;
    if (this.spec.timed) this.intendedAt.push(this.epoch + intendedAt);
    connection.send(this.requests.take(number), intendedAt);
  }

  /** Sends what is due, then sleeps: until the next is, or for as long as it is told to. */
  private tick = (): void => {
    if (!this.sending) return;
    const now = performance.now();
    while (this.nextAt <= now) {
      this.due(this.nextAt);
      this.nextAt += (-Math.log(1 - Math.random()) * 1_000) / this.rate;
    }
    const { precise, napMs } = this.spec;
    const left = this.nextAt - performance.now();
    if (napMs > 0) {
      Atomics.wait(nothing, 0, 0, napMs);
      setImmediate(this.tick);
    } else if (precise && left < spinMs) setImmediate(this.tick);
    else setTimeout(this.tick, precise ? left - spinMs : left);
  };

  private due(intendedAt: number): void {
    while (this.idleFrom < this.idle.length) {
      const connection = this.idle[this.idleFrom++];
      // One that was lost meanwhile comes back by itself.
      if (!connection?.ready) continue;
      this.send(connection, intendedAt);
      return;
    }
    this.idle = [];
    this.idleFrom = 0;
    if (this.spec.mode === 'paced') return;
    if (this.waiting.length - this.waitingFrom < waitingMax) this.waiting.push(intendedAt);
    else this.unsent += 1;
  }

  private async finish(): Promise<void> {
    this.sending = false;
    this.unsent += this.waiting.length - this.waitingFrom;
    let late: NodeJS.Timeout | undefined;
    if (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.finished = resolve;
        late = setTimeout(resolve, lastAnswersMs);
      });
    }
    clearTimeout(late);
    if (this.open > 0) this.statuses[0] = (this.statuses[0] ?? 0) + this.open;
    for (const connection of this.connections) connection.close();
  }
}

function passed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
