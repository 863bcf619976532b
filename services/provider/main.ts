import { loadConfig } from '@windlass/runtime/config.ts';
import { service } from './service.ts';
import { startProvider } from './start.ts';

const { http } = loadConfig(service);
const provider = await startProvider({ ...http, dataDir: process.env.DATA_DIR ?? '.' });
process.once('SIGTERM', () => void provider.stop());
process.once('SIGINT', () => void provider.stop());
