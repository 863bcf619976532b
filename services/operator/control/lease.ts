import { pause } from '@windlass/runtime/failure/retry.ts';
import type { Logger } from '@windlass/runtime/telemetry/log.ts';
import { z } from 'zod';
import type { HttpClient } from './http-client.ts';
import { isConflict, LostLeadership } from './kube-error.ts';
import type { KubeObject, Resource } from './objects.ts';

const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** What a lease says of its holder. */
const leaseSpec = z.object({
  holderIdentity: z.string().nullish(),
  leaseDurationSeconds: z.number().nullish(),
  leaseTransitions: z.number().nullish(),
  acquireTime: z.string().nullish(),
  renewTime: z.string().nullish(),
});
type LeaseSpec = z.output<typeof leaseSpec>;

export interface LeaseTimings {
  /** Others wait so long after the last renewal that they have seen. Whole seconds. */
  readonly durationMs: number;
  /** The holder gives up so long after it sent the last renewal that was accepted. */
  readonly renewDeadlineMs: number;
  /** Between renewals, and between attempts to become the holder. */
  readonly retryMs: number;
}

/** A leader that dies is replaced within 10 s and one attempt, one that stops within 2 s. */
export const usualLeaseTimings: LeaseTimings = {
  durationMs: 10_000,
  renewDeadlineMs: 7_000,
  retryMs: 2_000,
};

export interface LeaseOptions {
  /** Not fenced: this is what the fence is made of. */
  readonly kube: Pick<HttpClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Of this process, and of no other. */
  readonly identity: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'debug'>;
  readonly timings?: LeaseTimings;
}

/** What somebody else's lease looked like, and since when on this process' clock. */
interface Sighting {
  readonly version: string | undefined;
  readonly at: number;
}

/**
 * Leader election by a Lease. No clocks are compared: a holder counts from the moment before it
 * sent a renewal, the others from when they saw it, which is later, so that a holder which
 * cannot renew knows of its end before anybody takes over. All times are those of
 * CLOCK_MONOTONIC, which goes on while a process is stopped.
 */
export class LeaderElection {
  private readonly options: LeaseOptions;
  private readonly timings: LeaseTimings;
  /** The lease as it was read or written last. */
  private lease: KubeObject | undefined;
  private sighting: Sighting | undefined;
  /** Somebody deleted a lease that was held; its holder may not know yet. */
  private isVanished = false;
  /** Undefined while somebody else holds the lease. */
  private validUntil: number | undefined;

  constructor(options: LeaseOptions) {
    this.options = options;
    this.timings = options.timings ?? usualLeaseTimings;
    const { durationMs, renewDeadlineMs, retryMs } = this.timings;
    if (durationMs % 1_000 !== 0 || renewDeadlineMs >= durationMs || retryMs >= renewDeadlineMs) {
      throw new Error('a lease needs whole seconds, and retry < renew deadline < duration');
    }
  }

  get isLeader(): boolean {
    return this.validUntil !== undefined && performance.now() < this.validUntil;
  }

  /** To be called right before each write. Throws `LostLeadership` unless this process leads. */
  readonly fence = (): void => {
    if (!this.isLeader) throw new LostLeadership();
  };

  /**
   * Runs `lead` whenever this process holds the lease, and aborts its signal when that ends.
   * Resolves when `signal` is aborted, `lead` has ended and the lease is given back.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { identity, logger } = this.options;
    while (!signal.aborted) {
      if (!(await this.acquired())) {
        await pause(this.untilNextAttemptMs(), signal);
        continue;
      }
      logger.info({ identity }, 'this process leads');
      const term = new AbortController();
      const leading = lead(term.signal);
      const ended = leading.then(
        () => term.abort(),
        (error) => {
          logger.warn({ err: error }, 'leading failed');
          term.abort();
        },
      );
      await this.hold(signal, term.signal);
      term.abort();
      const renewing = new AbortController();
      // The last works end under a valid lease when there is one.
      const renewed = signal.aborted ? this.hold(renewing.signal, renewing.signal) : undefined;
      await ended;
      renewing.abort();
      await renewed;
      if (this.isLeader) await this.release();
      this.validUntil = undefined;
      logger.info({ identity }, 'this process does not lead any more');
      await pause(this.timings.retryMs, signal);
    }
  }

  /** Renews until it is told to stop, the term ends, or the lease is lost. */
  private async hold(signal: AbortSignal, term: AbortSignal): Promise<void> {
    const either = new AbortController();
    const stop = () => either.abort();
    for (const each of [signal, term]) {
      if (each.aborted) return;
      each.addEventListener('abort', stop);
    }
    while (!either.signal.aborted) {
      await pause(this.timings.retryMs, either.signal);
      if (either.signal.aborted || !this.isLeader || !(await this.renewed())) break;
    }
    for (const each of [signal, term]) each.removeEventListener('abort', stop);
  }

  /** False when the lease is another's now, or has run out. */
  private async renewed(): Promise<boolean> {
    try {
      await this.write(this.options.identity);
      return true;
    } catch (error) {
      const { logger } = this.options;
      logger.warn({ err: error }, 'the lease was not renewed');
      // The answer to a renewal that arrived may be lost; then the lease is still this process'.
      if (isConflict(error)) await this.look().catch(() => {});
      if (this.holder() !== this.options.identity) this.validUntil = undefined;
      return this.isLeader;
    }
  }

  private async acquired(): Promise<boolean> {
    const { identity, logger } = this.options;
    try {
      await this.look();
      const isFree = !this.isVanished && (this.holder() ?? '') === '';
      // An earlier process of the same identity is no more, or this one has just lost the lease.
      const isMine = this.holder() === identity;
      if (!isFree && !isMine && this.untilExpiryMs() > 0) return false;
      await this.write(identity);
      return true;
    } catch (error) {
      const level = isConflict(error) ? 'debug' : 'warn';
      logger[level]({ err: error }, 'the lease was not acquired');
      return false;
    }
  }

  private async look(): Promise<void> {
    const { kube, namespace, name } = this.options;
    this.lease = await kube.get(leases, { namespace, name });
    const version = this.lease?.metadata.resourceVersion;
    const before = this.sighting;
    if (before !== undefined && before.version === version) return;
    this.isVanished = version === undefined && before !== undefined;
    this.sighting = { version, at: performance.now() };
  }

  /** Conflict when somebody else was faster. */
  private async write(holder: string): Promise<void> {
    const { kube, namespace, name } = this.options;
    const { durationMs, renewDeadlineMs } = this.timings;
    const held = this.spec();
    const isNew = held?.holderIdentity !== holder;
    const now = microTime();
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: holder === '' ? 1 : durationMs / 1_000,
      acquireTime: isNew ? now : (held?.acquireTime ?? now),
      renewTime: now,
      leaseTransitions: (held?.leaseTransitions ?? 0) + (isNew && holder !== '' ? 1 : 0),
    };
    const sentAt = performance.now();
    const metadata = { ...this.lease?.metadata, namespace, name };
    const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    this.lease =
      this.lease === undefined
        ? await kube.create(leases, object)
        : await kube.replace(leases, object, this.timeoutMs(sentAt));
    this.validUntil = holder === '' ? undefined : sentAt + renewDeadlineMs;
  }

  /** A renewal has the time that is left; anything else has one attempt's. */
  private timeoutMs(now: number): number {
    const { renewDeadlineMs } = this.timings;
    return Math.max(
      1,
      Math.min(renewDeadlineMs, (this.validUntil ?? Number.POSITIVE_INFINITY) - now),
    );
  }

  private async release(): Promise<void> {
    try {
      await this.write('');
    } catch (error) {
      this.options.logger.debug({ err: error }, 'the lease was not given back');
    }
  }

  private untilExpiryMs(): number {
    if (this.sighting === undefined) return Number.POSITIVE_INFINITY;
    const seconds = this.spec()?.leaseDurationSeconds ?? this.timings.durationMs / 1_000;
    return this.sighting.at + seconds * 1_000 - performance.now();
  }

  /** With jitter, so that several do not try together; right after the lease runs out. */
  private untilNextAttemptMs(): number {
    const retryMs = this.timings.retryMs * (0.8 + Math.random() * 0.2);
    const expiryMs = this.untilExpiryMs();
    return expiryMs > 0 ? Math.min(retryMs, expiryMs + Math.random() * 100) : retryMs;
  }

  private holder(): string | undefined {
    return this.spec()?.holderIdentity ?? undefined;
  }

  private spec(): LeaseSpec | undefined {
    return leaseSpec.safeParse(this.lease?.spec).data;
  }
}

/** Six digits after the point, as the type of the API wants them. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
