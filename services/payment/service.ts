import * as inventory from '@windlass/contracts/inventory.ts';
import * as orders from '@windlass/contracts/orders.ts';
import * as payments from '@windlass/contracts/payments.ts';
import { defineService } from '@windlass/contracts/service.ts';

export const service = defineService({
  name: 'payment',
  port: 8082,
  role: 'worker',
  database: true,
  consumes: [inventory.reserved, orders.cancelled, orders.refundRequested],
  publishes: payments.stream.events,
  calls: ['provider'],
  resources: { cpuMillis: 500, memoryMiB: 192 },
  scaling: { replicasMin: 2, replicasMax: 8, lagPerReplica: 500 },
  objectives: { handledWithinSeconds: 1, ratio: 0.999 },
});
