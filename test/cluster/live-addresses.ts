const refreshMs = 500;

/** Addresses of servers whose pods come and go, for clients that dial again. */
export class LiveAddresses {
  private known: readonly string[] = [];
  private isOn = true;
  private running: Promise<void> = Promise.resolve();
  private readonly read: () => Promise<readonly string[]>;

  private constructor(read: () => Promise<readonly string[]>) {
    this.read = read;
  }

  /** `read` gives host names or IPs; the port is that of NATS. */
  static async follow(read: () => Promise<readonly string[]>): Promise<LiveAddresses> {
    const addresses = new LiveAddresses(read);
    await addresses.refresh();
    addresses.running = addresses.keepUp();
    return addresses;
  }

  readonly current = (): readonly string[] => this.known;

  async stop(): Promise<void> {
    this.isOn = false;
    await this.running;
  }

  private async refresh(): Promise<void> {
    this.known = (await this.read()).map((address) => `nats://${address}:4222`);
  }

  private async keepUp(): Promise<void> {
    while (this.isOn) {
      await new Promise((resolve) => setTimeout(resolve, refreshMs));
      await this.refresh().catch(() => {});
    }
  }
}
