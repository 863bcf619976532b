import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Where a kubelet listens, and so the proof that a network is taken. */
const kubeletPort = 10_250;
const attempts = 100;
const lastHost = 254;

/** A network of loopback addresses, 127.x.y.0/24, that no other kubelet of this machine has. */
export interface Network {
  /** For example `127.83.12`. */
  readonly prefix: string;
  /** Of all the nodes; the pods have the others. */
  readonly nodeAddress: string;
  /** An address that is not taken and that no pod has had for as long as possible. */
  next(isTaken: (address: string) => boolean): string;
  /** Lets others have the network. */
  release(): Promise<void>;
}

/** Taken for as long as this process lives: the system closes the socket that holds it. */
export async function takeNetwork(): Promise<Network> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const prefix = `127.${randomInt(2, 255)}.${randomInt(0, 255)}`;
    const nodeAddress = `${prefix}.1`;
    const held = await listen(nodeAddress);
    if (held === undefined) continue;
    let host = 1;
    return {
      prefix,
      nodeAddress,
      next(isTaken) {
        for (let tried = 0; tried < lastHost; tried++) {
          host = host === lastHost ? 2 : host + 1;
          const address = `${prefix}.${host}`;
          if (!isTaken(address)) return address;
        }
        throw new Error(`all addresses of ${prefix}.0 are taken`);
      },
      release: () => new Promise((resolve) => held.close(() => resolve())),
    };
  }
  throw new Error('no free network of loopback addresses');
}

function listen(host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host, port: kubeletPort, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
