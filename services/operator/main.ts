import { loadConfig } from '@windlass/runtime/config.ts';
import { runProgram } from '@windlass/runtime/invocation.ts';
import { loadOperatorConfig } from './config.ts';
import { startOperator } from './operator.ts';
import { service } from './service.ts';

await runProgram(service, async () => {
  const operator = await startOperator(loadConfig(service), loadOperatorConfig(service.name));
  const stop = () => void operator.stop().finally(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);
});
