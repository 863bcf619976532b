type Say = (message: object) => void;

/**
 * The side of a bench process that is told what to do: each message goes to `handle`, which
 * answers with `say`. An error is told and ends the process, and so does the end of its parent.
 */
export function serve(handle: (message: unknown, say: Say) => Promise<void>): void {
  const say: Say = (message) => void process.send?.(message);
  const fail = (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const failed = { kind: 'failed', message: text };
    if (process.send === undefined) process.exit(1);
    process.send(failed, () => process.exit(1));
  };
  process.on('uncaughtException', fail);
  for (const end of ['disconnect', 'SIGTERM'] as const) process.on(end, () => process.exit(0));
  process.on('message', (message) => {
    handle(message, say).catch(fail);
  });
  say({ kind: 'ready' });
}
