import * as inventory from '@windlass/contracts/inventory.ts';
import * as orders from '@windlass/contracts/orders.ts';
import * as payments from '@windlass/contracts/payments.ts';
import { defineService } from '@windlass/contracts/service.ts';

export const service = defineService({
  name: 'order',
  port: 8080,
  role: 'api',
  database: true,
  consumes: [
    inventory.reserved,
    inventory.rejected,
    inventory.released,
    inventory.commitFailed,
    inventory.expired,
    payments.captured,
    payments.declined,
    payments.unknown,
    payments.voided,
    payments.refunded,
    payments.refundFailed,
  ],
  publishes: orders.stream.events,
  calls: [],
  resources: { cpuMillis: 1000, memoryMiB: 192 },
  scaling: { replicasMin: 2, replicasMax: 8, lagPerReplica: 2000 },
  objectives: { handledWithinSeconds: 1, ratio: 0.999 },
});
