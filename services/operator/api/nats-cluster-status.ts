import { z } from 'zod';
import { commonStatus } from './status.ts';

const text = z.string();
const count = z.int().min(0);

const member = z.object({
  name: text.describe('Name of the server and of its pod.'),
  address: text.optional().describe('Where it listens.'),
  serverId: text.optional().describe('Its identity since its last start.'),
  version: text.optional().describe('Its version.'),
  ready: z.boolean().default(false).describe('Whether it accepts connections.'),
  current: z.boolean().optional().describe('Whether it knows all that the meta leader knows.'),
  lag: count.optional().describe('How many operations of the meta group it is behind.'),
  streams: count.optional().describe('How many streams are on it.'),
  diskPercent: count.optional().describe('How much of its file store is full, in percent.'),
  certificateNotAfter: text.optional().describe('When its certificate ends.'),
});
export type NatsClusterMember = z.output<typeof member>;

export const natsClusterStatus = commonStatus.extend({
  replicas: count.optional().describe('How many servers there are.'),
  readyReplicas: count.optional().describe('How many accept connections.'),
  selector: text.optional().describe('Labels of the pods, as a selector.'),
  version: text.optional().describe('Version that every server runs.'),
  url: text.optional().describe('Where clients in Kubernetes connect to.'),
  metaLeader: text.optional().describe('Server that leads the meta group.'),
  templateRevision: text.optional().describe('Revision of the pods that was last rolled out.'),
  configHash: text.optional().describe('Hash of the configuration that every server has loaded.'),
  members: z
    .array(member)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('The servers.'),
  removedPeers: z
    .array(
      z.object({
        name: text.describe('Name of the server.'),
        at: text.describe('When it was removed.'),
      }),
    )
    .optional()
    .describe('Servers that were taken out of the meta group.'),
  rollout: z
    .object({
      step: text.optional().describe('What is done now.'),
      victim: text.optional().describe('The server that it is done to.'),
      revision: text.optional().describe('The revision of the pods that is rolled out.'),
      startedAt: text.optional().describe('When it began.'),
      blockedBy: z.array(text).optional().describe('What it waits for.'),
    })
    .optional()
    .describe('How far the roll under way is.'),
});
export type NatsClusterStatus = z.output<typeof natsClusterStatus>;
