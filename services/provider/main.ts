import { loadConfig } from '@windlass/runtime/config.ts';
import { runProgram } from '@windlass/runtime/invocation.ts';
import { service } from './service.ts';
import { startProvider } from './start.ts';

await runProgram(service, async () => {
  const { http, dataDir } = loadConfig(service);
  const provider = await startProvider({ ...http, dataDir });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void provider.stop());
});
