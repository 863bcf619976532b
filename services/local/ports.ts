import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

/**
 * Below the range from which Linux takes the ports of outgoing connections: a server that is
 * killed and started again finds its port free.
 */
const lowest = 10_240;
const highest = 32_000;
const attempts = 200;
const given = new Set<number>();

export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

export interface WantedPort {
  /** What will listen there, for the message. */
  readonly owner: string;
  readonly port: number;
  /** The environment variable that changes it. */
  readonly variable: string;
}

/** A port on which nothing listens. Never given twice by one process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, highest);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port found between ${lowest} and ${highest}`);
}

/** Throws one sentence about the first port that is taken, and what to do about it. */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const owners = new Map<number, WantedPort>();
  for (const each of wanted) {
    const other = owners.get(each.port);
    if (other !== undefined) {
      throw new PortTaken(
        `${each.owner} and ${other.owner} are both given port ${each.port}; ` +
          `set ${each.variable} to another one.`,
      );
    }
    owners.set(each.port, each);
    if (await isFree(each.port)) continue;
    throw new PortTaken(
      `Port ${each.port} for ${each.owner} is taken by another program; ` +
        `stop it or set ${each.variable} to a free port.`,
    );
  }
}

/** A port from an environment variable. Throws one sentence when it is not a port. */
export function portFrom(env: NodeJS.ProcessEnv, variable: string, otherwise: number): number {
  const text = env[variable];
  if (text === undefined || text === '') return otherwise;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new Error(`${variable} is "${text}", which is not a port between 1 and 65535.`);
}

/** Whether a connection to the port is accepted in time, on this machine when no host is named. */
export function accepts(
  port: number,
  { host = '127.0.0.1', timeoutMs = 1_000 } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: timeoutMs });
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

/** A port can be taken on one address and free on the other, so both are tried. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, undefined)) && (await canListen(port, '127.0.0.1'));
}

function canListen(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
