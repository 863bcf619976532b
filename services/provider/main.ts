import { loadConfig } from '@windlass/runtime/config.ts';
import { logStarted, runProgram } from '@windlass/runtime/invocation.ts';
import { service } from './service.ts';
import { startProvider } from './start.ts';

await runProgram(service, async () => {
  const config = loadConfig(service);
  const { http, dataDir } = config;
  const provider = await startProvider({ ...http, dataDir });
  logStarted(config, { port: provider.port, opsPort: provider.opsPort });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void provider.stop());
});
