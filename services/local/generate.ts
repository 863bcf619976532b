import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { streams } from '@windlass/contracts/streams.ts';
import * as inventory from '@windlass/inventory/parts.ts';
import { service as inventoryService } from '@windlass/inventory/service.ts';
import { crdFiles } from '@windlass/operator/api/render.ts';
import * as order from '@windlass/order/parts.ts';
import { service as orderService } from '@windlass/order/service.ts';
import * as payment from '@windlass/payment/parts.ts';
import { service as paymentService } from '@windlass/payment/service.ts';
import { describeApi } from '@windlass/runtime/describe.ts';
import { asyncApi, jsonSchema, versioned } from './async-api.ts';
import { repository } from './directory.ts';

const asText = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** Every generated file with its content, by its path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const events = streams.flatMap((stream) => stream.events);
  const generated = 'services/contracts/generated';
  return new Map([
    ...events.map((event): [string, string] => [
      `${generated}/${versioned(event)}.schema.json`,
      asText(jsonSchema(event)),
    ]),
    [
      `${generated}/asyncapi.json`,
      asText(asyncApi(streams, [orderService, inventoryService, paymentService])),
    ],
    ['services/order/openapi.json', describeApi(orderService, order.parts)],
    ['services/inventory/openapi.json', describeApi(inventoryService, inventory.parts)],
    ['services/payment/openapi.json', describeApi(paymentService, payment.parts)],
    ...crdFiles(),
  ]);
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, content] of generatedFiles()) {
    const file = join(repository, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
