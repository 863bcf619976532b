import { Broker } from '@windlass/runtime/broker/connection.ts';
import type { Endpoint } from '../assets/endpoint.ts';

const answerWithinMs = 5_000;
/** After that, an accepted key is tried again: a server may have lost its configuration. */
const keptMs = 15 * 60_000;
const keptMax = 10_000;

export type Proof =
  | { readonly kind: 'accepted' }
  /** At least one server does not know the key. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No server could be asked. */
  | { readonly kind: 'unreachable'; readonly message: string };

export interface Candidate {
  readonly seed: string;
  readonly publicKey: string;
  readonly inboxPrefix: string;
}

const quiet = { info: () => {}, warn: () => {} };

/**
 * Proves that servers accept a key by connecting with it to each of them. One that is down
 * proves nothing: when it starts, it reads the configuration that the others have.
 */
export class KeyProofs {
  private readonly accepted = new Map<string, number>();
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** Takes up to 5 s. Never rejects. What was accepted is believed for 15 minutes. */
  async prove(
    endpoint: Pick<Endpoint, 'target' | 'servers' | 'tls'>,
    candidate: Candidate,
  ): Promise<Proof> {
    const key = `${endpoint.target} ${candidate.publicKey}`;
    if ((this.accepted.get(key) ?? 0) > this.now()) return { kind: 'accepted' };
    const attempts = endpoint.servers.map((server) => attempt(server, endpoint, candidate));
    const proof = summary(await Promise.all(attempts));
    this.accepted.delete(key);
    if (proof.kind === 'accepted') this.keep(key);
    return proof;
  }

  private keep(key: string): void {
    const [oldest] = this.accepted.keys();
    if (this.accepted.size >= keptMax && oldest !== undefined) this.accepted.delete(oldest);
    this.accepted.set(key, this.now() + keptMs);
  }
}

async function attempt(
  server: string,
  { tls }: Pick<Endpoint, 'tls'>,
  { seed, inboxPrefix }: Candidate,
): Promise<Proof> {
  const broker = new Broker({
    name: 'windlass-operator',
    servers: [server],
    credentials: async () => ({ kind: 'nkey', seed }),
    connectTimeoutMs: answerWithinMs,
    inboxPrefix,
    logger: quiet,
    ...(tls === undefined ? {} : { tls }),
  });
  broker.start();
  try {
    const found = await broker.readyWithin(answerWithinMs);
    if (!('kind' in found)) return { kind: 'accepted' };
    const kind = found.kind === 'refused' ? 'refused' : 'unreachable';
    return { kind, message: found.message };
  } finally {
    await broker.close().catch(() => undefined);
  }
}

function summary(proofs: readonly Proof[]): Proof {
  const refused = proofs.find(({ kind }) => kind === 'refused');
  if (refused !== undefined) return refused;
  const accepted = proofs.find(({ kind }) => kind === 'accepted');
  const [first] = proofs;
  return accepted ?? first ?? { kind: 'unreachable', message: 'there is no server yet' };
}
