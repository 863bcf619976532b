import { runService } from '@windlass/runtime/service.ts';
import openapi from './openapi.json' with { type: 'json' };
import { parts } from './parts.ts';
import { service } from './service.ts';

await runService(service, parts, openapi);
