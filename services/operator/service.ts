import { defineService } from '@windlass/contracts/service.ts';

/** Runs NATS clusters and what is in them. Its own port is that of the external metrics. */
export const service = defineService({
  name: 'operator',
  port: 8443,
  role: 'operator',
  database: false,
  consumes: [],
  publishes: [],
  calls: [],
  resources: { cpuMillis: 500, memoryMiB: 256 },
  scaling: { replicasMin: 2, replicasMax: 2, lagPerReplica: 1 },
  objectives: { handledWithinSeconds: 2, ratio: 0.99 },
});
