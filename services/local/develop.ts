import { spawn } from 'node:child_process';
import { repository } from './directory.ts';

/**
 * `npm run dev`: `skaffold dev` with what is left of the line, and beside it a synth that runs
 * again when a source of the manifests changes, because Skaffold cannot be told to watch those.
 * The synth writes only what is different, so a deployment never causes the next one.
 */
const programs = [
  ['synth', process.execPath, ['--import', 'tsx', 'cdk8s/main.ts', '--env', 'dev', '--watch']],
  ['skaffold', 'skaffold', ['dev', ...process.argv.slice(2)]],
] as const;

const children = programs.map(([name, command, args]) => {
  const child = spawn(command, args, { cwd: repository, stdio: 'inherit' });
  const ended = new Promise<number>((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${name} cannot be started: ${error.message}.\n`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 0));
  });
  return { child, ended };
});
const stop = () => {
  for (const { child } of children) child.kill('SIGINT');
};
// A Ctrl-C in the terminal reaches the others by itself; Skaffold takes back what it deployed.
process.on('SIGINT', () => {});
process.once('SIGTERM', stop);
const code = await Promise.race(children.map(({ ended }) => ended));
stop();
await Promise.all(children.map(({ ended }) => ended));
process.exitCode = code;
