import type { Broker } from '@windlass/runtime/broker/connection.ts';

/** A publish that nobody has acknowledged after so long, with all its repetitions, has failed. */
const giveUpMs = 30_000;
const attemptMs = 2_000;
const retryMs = 50;

/** Publishers, one a connection, each of which repeats a message until it is acknowledged. */
export class PublishLoad {
  private isOn = true;
  private readonly prefix: string;
  private published = 0;
  private failed = 0;
  private repeated = 0;
  private readonly running: Promise<unknown>;

  /** Publishes below `prefix`, which a stream has to store. */
  constructor(brokers: readonly Broker[], prefix: string) {
    this.prefix = prefix;
    this.running = Promise.all(brokers.map((broker, index) => this.publishAll(broker, index)));
  }

  async stop() {
    this.isOn = false;
    await this.running;
    const { published, failed, repeated } = this;
    return { published, failed, repeated };
  }

  private async publishAll(broker: Broker, publisher: number): Promise<void> {
    for (let count = 0; this.isOn; count++) {
      const body = `${publisher}-${count}`;
      const deadline = performance.now() + giveUpMs;
      while (!(await acknowledged(broker, `${this.prefix}.${publisher}`, body))) {
        if (performance.now() > deadline) {
          this.failed++;
          break;
        }
        this.repeated++;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
      this.published++;
    }
  }
}

async function acknowledged(broker: Broker, subject: string, body: string): Promise<boolean> {
  try {
    const connection = await broker.ready();
    const reply = await connection.request(subject, body, { timeout: attemptMs });
    return reply.json<{ readonly error?: object }>().error === undefined;
  } catch {
    return false;
  }
}
