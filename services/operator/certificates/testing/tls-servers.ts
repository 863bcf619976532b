import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '@windlass/local/child.ts';
import { type TemporaryDirectory, temporaryDirectory } from '@windlass/local/directory.ts';
import { resolveNatsServer } from '@windlass/local/nats-binary.ts';
import { accepts, freePort } from '@windlass/local/ports.ts';

const readyMs = 60_000;
const stopMs = 15_000;

/** The files that a server's Secret holds. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
}

interface Member {
  readonly client: number;
  readonly route: number;
  child?: Child;
}

/** Servers that know each other; both ends of each connection show a certificate. */
export class TlsServers {
  private readonly directory: TemporaryDirectory;
  private readonly members: readonly Member[];

  private constructor(directory: TemporaryDirectory, members: readonly Member[]) {
    this.directory = directory;
    this.members = members;
  }

  static async of(count: number): Promise<TlsServers> {
    const members: Member[] = [];
    for (let n = 0; n < count; n++) {
      members.push({ client: await freePort(), route: await freePort() });
    }
    return new TlsServers(await temporaryDirectory(), members);
  }

  urlOf(index: number): string {
    return `nats://127.0.0.1:${this.members[index]?.client}`;
  }

  /** Starts a server with these files; one that runs is stopped before. */
  async start(index: number, files: TlsFiles): Promise<void> {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no server ${index}`);
    await member.child?.stop('SIGTERM', stopMs);
    const { path } = await resolveNatsServer();
    member.child = await startChild({
      command: path,
      args: ['-c', await this.write(index, files)],
    });
    const deadline = performance.now() + readyMs;
    while (!(await accepts(member.client))) {
      if (performance.now() > deadline || !member.child.running()) {
        throw new Error(`the server did not start:\n${member.child.tail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.members.map(({ child }) => child?.stop('SIGTERM', stopMs)));
    await this.directory.remove();
  }

  private async write(index: number, files: TlsFiles): Promise<string> {
    const at = (name: string) => join(this.directory.path, `${index}-${name}`);
    await writeFile(at('tls.crt'), files.certificate);
    await writeFile(at('tls.key'), files.key);
    await writeFile(at('ca.crt'), files.bundle);
    const tls = {
      cert_file: at('tls.crt'),
      key_file: at('tls.key'),
      ca_file: at('ca.crt'),
      verify: true,
    };
    const member = this.members[index];
    const config = {
      server_name: `server-${index}`,
      listen: `127.0.0.1:${member?.client}`,
      tls,
      cluster: {
        name: 'nats',
        listen: `127.0.0.1:${member?.route}`,
        routes: this.members.map(({ route }) => `nats://localhost:${route}`),
        tls,
      },
    };
    await writeFile(at('nats.conf'), JSON.stringify(config));
    return at('nats.conf');
  }
}
