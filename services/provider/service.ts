import { defineService } from '@windlass/contracts/service.ts';

/** Stands in for the payment provider wherever there is none: never deployed in production. */
export const service = defineService({
  name: 'provider',
  port: 8090,
  role: 'double',
  database: false,
  consumes: [],
  publishes: [],
  calls: [],
  resources: { cpuMillis: 250, memoryMiB: 512 },
  scaling: { replicasMin: 1, replicasMax: 1, lagPerReplica: 1 },
  objectives: { handledWithinSeconds: 1, ratio: 0.99 },
});
