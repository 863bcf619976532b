import { type Block, isBlock, type Value } from './configuration-text.ts';
import { digestOf } from './digest.ts';

/**
 * What a running server takes over (`server/reload.go` of 2.12 to 2.15). Anything else needs a
 * restart. The limits of the stores are here although the server refuses to lower them: whoever
 * reloads learns that from its answer.
 */
const reloadable: ReadonlySet<string> = new Set([
  'accounts',
  'authorization',
  'client_advertise',
  'cluster.accounts',
  'cluster.authorization',
  'cluster.compression',
  'cluster.no_advertise',
  'cluster.permissions',
  'cluster.pool_size',
  'cluster.routes',
  'cluster.tls',
  'debug',
  'jetstream.limits',
  'jetstream.max_file_store',
  'jetstream.max_memory_store',
  'log_file',
  'logfile',
  'logtime',
  'logtime_utc',
  'max_connections',
  'max_control_line',
  'max_payload',
  'max_traced_msg_len',
  'pid_file',
  'ping_interval',
  'ping_max',
  'server_metadata',
  'server_tags',
  'tls',
  'trace',
  'trace_headers',
  'trace_verbose',
  'write_deadline',
]);

/**
 * Names what of a configuration a server takes over only when it starts: where two digests
 * differ, the servers must be rolled; where they are equal, a reload is enough.
 */
export function startDigestOf(block: Block): string {
  return digestOf(withoutReloadable(block, ''));
}

/** The paths in which `before` and `after` differ and that need a restart, for a person. */
export function restartReasons(before: Block, after: Block): readonly string[] {
  const old = flat(withoutReloadable(before, ''), '');
  const wanted = flat(withoutReloadable(after, ''), '');
  const all = new Set([...old.keys(), ...wanted.keys()]);
  return [...all].filter((path) => old.get(path) !== wanted.get(path)).sort();
}

function withoutReloadable(block: Block, prefix: string): Block {
  const kept = Object.entries(block).flatMap(([key, value]): [string, Value][] => {
    const path = `${prefix}${key}`;
    if (reloadable.has(path)) return [];
    return [[key, isBlock(value) ? withoutReloadable(value, `${path}.`) : value]];
  });
  return Object.fromEntries(kept);
}

function flat(block: Block, prefix: string): Map<string, string> {
  const paths = Object.entries(block).flatMap(([key, value]): [string, string][] =>
    isBlock(value)
      ? [...flat(value, `${prefix}${key}.`)]
      : [[`${prefix}${key}`, JSON.stringify(value)]],
  );
  return new Map(paths);
}
