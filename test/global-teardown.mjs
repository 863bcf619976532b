import { once } from 'node:events';

/** Resolves when every server of the run is gone. */
export default async function teardown() {
  const keeper = globalThis.windlassTestServers;
  if (keeper === undefined || keeper.exitCode !== null) return;
  const gone = once(keeper, 'exit');
  keeper.stdin.end();
  await gone;
}
