import { z } from 'zod';

const text = z.string();
const count = z.int().min(0);

/** A condition as `metav1.Condition` defines it. */
export const condition = z.object({
  type: z.string().min(1).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).describe('Why, in one word that tools may match.'),
  message: text.describe('Why, in a sentence.'),
  observedGeneration: z.int().min(0).optional().describe('Generation that it speaks of.'),
  lastTransitionTime: z
    .string()
    .meta({ format: 'date-time' })
    .describe('When status last changed.'),
});

/** What the status of every kind has. */
export const commonStatus = z.object({
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .describe('Generation of the spec that this status speaks of.'),
  conditions: z
    .array(condition)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe('What holds now; Ready sums it up.'),
  plan: z
    .array(text)
    .optional()
    .describe('What would be done, while the annotation windlass.dev/dry-run is true.'),
});

const replica = z.object({
  name: text.describe('Name of the server.'),
  current: z.boolean().optional().describe('Whether it has everything that the leader has.'),
  offline: z.boolean().optional().describe('Whether the leader cannot reach it.'),
  lag: count.optional().describe('How many operations it is behind.'),
});

/** What the status of every asset of JetStream has. */
export const assetStatus = commonStatus.extend({
  created: text.optional().describe('When it was made in NATS.'),
  configHash: text.optional().describe('Hash of the configuration that was last applied.'),
  ownedBy: text
    .optional()
    .describe('The object that manages it in NATS, as namespace and name, when it is another.'),
  drift: z.array(text).optional().describe('Fields that differed when it was last looked at.'),
  notHonored: z
    .array(text)
    .optional()
    .describe('Fields that the server has dropped without an error.'),
  cluster: z
    .object({
      name: text.optional().describe('Name of the cluster.'),
      leader: text.optional().describe('Server that leads it.'),
      replicas: z.array(replica).optional().describe('Its other replicas.'),
    })
    .optional()
    .describe('On which servers it is.'),
});

export const streamFigures = z.object({
  messages: count.optional().describe('How many messages it has.'),
  bytes: count.optional().describe('How large it is.'),
  firstSeq: count.optional().describe('Sequence of the first message.'),
  lastSeq: count.optional().describe('Sequence of the last message.'),
  firstTime: text.optional().describe('Time of the first message.'),
  lastTime: text.optional().describe('Time of the last message.'),
  subjects: count.optional().describe('How many subjects have a message.'),
  deleted: count.optional().describe('How many messages were deleted between first and last.'),
  consumers: count.optional().describe('How many consumers it has.'),
});
