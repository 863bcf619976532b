import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Child, run } from '../../../services/local/child.ts';
import { startTethered, tether } from '../tethered.ts';

/** How a process gets a file system of its own on this machine. */
export interface Isolation {
  /** Words before a command that is to have its own mounts. */
  readonly enter: readonly string[];
  /** The flags of `nsenter` that follow a process there. */
  readonly follow: readonly string[];
}

/** Whether root or not: each is tried. */
const ways: readonly Isolation[] = [
  { enter: ['unshare', '--mount'], follow: ['--mount'] },
  {
    enter: ['unshare', '--mount', '--map-root-user'],
    follow: ['--user', '--preserve-credentials', '--mount'],
  },
];

/** The way that works here, or a sentence that says why none does. */
export async function findIsolation(): Promise<Isolation | string> {
  if (process.platform !== 'linux') return 'pods need the namespaces of Linux';
  const reasons: string[] = [];
  for (const way of ways) {
    const [command = '', ...words] = way.enter;
    const script = 'mount --bind /tmp /tmp && exec "$@" chroot / true';
    const args = [...words, 'sh', '-c', script, 'sh', ...tether];
    const { ok, output } = await run({ command, args });
    if (ok) return way;
    reasons.push(`${way.enter.join(' ')}: ${output.trim().split('\n').at(-1)}`);
  }
  return `no process can have mounts of its own here (${reasons.join('; ')})`;
}

export interface Mount {
  /** On this machine. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
}

/** The file system of a container: an empty one with the server, the system's and its mounts. */
export interface Root {
  readonly path: string;
  readonly binary: string;
  readonly mounts: readonly Mount[];
}

/** Without these names are asked of a DNS server that is not there. */
const nameSwitch = 'hosts: files\n';

/** Mounts what it is told in pairs up to `--` and becomes the rest of its arguments. */
const mountAll = `set -e
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$2"
  else mkdir -p "$(dirname "$2")"; [ -e "$2" ] || : > "$2"; fi
  mount --rbind "$1" "$2"
  shift 2
done
shift
exec "$@"`;

/** Makes the directories that every container has. */
export async function makeRoot(path: string): Promise<void> {
  for (const folder of ['etc', 'root', 'tmp', 'usr/local/bin']) {
    await mkdir(join(path, folder), { recursive: true });
  }
  await writeFile(join(path, 'etc', 'nsswitch.conf'), nameSwitch);
  await writeFile(join(path, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

export interface Program {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}

/** Starts a program in a root. Its process is the program itself, and ends with this one. */
export async function startIn(
  { enter }: Isolation,
  { path, binary, mounts }: Root,
  { words, env, onLine }: Program,
): Promise<Child> {
  const [command = '', ...flags] = enter;
  const all = [
    { source: '/proc', target: '/proc' },
    { source: '/dev', target: '/dev' },
    { source: binary, target: inRoot('nats-server') },
    // What lies in another mount comes after it.
    ...[...mounts].sort((left, right) => depth(left.target) - depth(right.target)),
  ];
  const pairs = all.flatMap(({ source, target }) => [source, join(path, target)]);
  const become = [...tether, 'chroot', path, ...resolved(words)];
  const args = [...flags, 'sh', '-c', mountAll, 'sh', ...pairs, '--', ...become];
  return await startTethered({
    command,
    args,
    cwd: dirname(path),
    env,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/** Runs a program beside another one, in the same file system, to its end. */
export async function runBeside(
  { follow }: Isolation,
  pid: number,
  { words, env }: Program,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const place = [`--target=${pid}`, ...follow, '--root', '--wd=/'];
  return await run({ command: 'nsenter', args: [...place, '--', ...resolved(words)], env });
}

function resolved([program = '', ...args]: readonly string[]): readonly string[] {
  return program === 'nats-server' ? [inRoot(program), ...args] : [program, ...args];
}

function inRoot(program: string): string {
  return `/usr/local/bin/${program}`;
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length;
}
