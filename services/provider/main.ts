import { loadConfig } from '@windlass/runtime/config.ts';
import { service } from './service.ts';
import { startProvider } from './start.ts';

const { http, dataDir } = loadConfig(service);
const provider = await startProvider({ ...http, dataDir });
process.once('SIGTERM', () => void provider.stop());
process.once('SIGINT', () => void provider.stop());
