import { loadConfig } from '@windlass/runtime/config.ts';
import { service } from './service.ts';
import { startProvider } from './start.ts';

try {
  const { http, dataDir } = loadConfig(service);
  const provider = await startProvider({ ...http, dataDir });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void provider.stop());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
