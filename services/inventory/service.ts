import * as inventory from '@windlass/contracts/inventory.ts';
import * as orders from '@windlass/contracts/orders.ts';
import * as payments from '@windlass/contracts/payments.ts';
import { defineService } from '@windlass/contracts/service.ts';

export const service = defineService({
  name: 'inventory',
  port: 8081,
  role: 'worker',
  database: true,
  consumes: [
    orders.created,
    orders.confirmed,
    orders.cancelled,
    orders.paymentOverdue,
    payments.unknown,
  ],
  publishes: inventory.stream.events,
  calls: [],
  resources: { cpuMillis: 500, memoryMiB: 192 },
  scaling: { replicasMin: 2, replicasMax: 8, lagPerReplica: 500 },
  objectives: { handledWithinSeconds: 1, ratio: 0.999 },
});
