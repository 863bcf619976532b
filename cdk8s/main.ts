import { deployables } from '@windlass/local/deployables.ts';
import { repository } from '@windlass/local/directory.ts';
import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { commandOf, synth } from './command.ts';
import { rerun } from './watch.ts';

try {
  const args = process.argv.slice(2);
  const command = commandOf(args);
  if (command.isWatch) {
    const stopping = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stopping.abort());
    const once = args.filter((arg) => arg !== '--watch');
    const itself = [process.execPath, '--import', 'tsx', import.meta.filename, ...once];
    await rerun(repository, itself, stopping.signal);
  } else {
    const services = (await deployables()).map(({ service }) => service);
    const { lines, isFine } = await synth(command, services, repository);
    for (const line of lines) process.stdout.write(`${line}\n`);
    if (!isFine)
      throw new Error('The manifests are not what their sources say: run npm run synth.');
  }
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
  process.exitCode = 1;
}
