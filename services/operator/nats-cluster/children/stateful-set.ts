import { z } from 'zod';
import { statefulSets } from '../../api/core.ts';
import type { NatsClusterSpec } from '../../api/nats-cluster.ts';
import { annotations, children, labelsOf, selectorOf } from '../names.ts';
import { type Child, child, type Owner } from './child.ts';
import {
  podTemplate,
  type Template,
  type TemplateInput,
  templateRevision,
} from './pod-template.ts';

export interface StatefulSetInput {
  readonly replicas: number;
  readonly template: TemplateInput;
  readonly version: string;
  /** The same as long as the user has changed nothing. */
  readonly change: string;
  readonly storage: Pick<NatsClusterSpec['storage'], 'size' | 'className'>;
  /** Of the StatefulSet that is there. */
  readonly before: Readonly<Record<string, string>> | undefined;
}

/**
 * `OnDelete`, so that nobody but the operator stops a server; `Parallel`, because at a cold start
 * no server becomes well before the others are there.
 */
export function statefulSet(owner: Owner, input: StatefulSetInput): Child {
  const { template, revision } = keptTemplate(input);
  const names = children(owner.name);
  const { size, className } = input.storage;
  return child(
    statefulSets,
    owner,
    names.statefulSet,
    {
      spec: {
        replicas: input.replicas,
        serviceName: names.headlessService,
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'OnDelete' },
        // Whoever deletes volumes does it by name: here, only a removed or replaced server's.
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        selector: { matchLabels: selectorOf(owner.name) },
        template,
        volumeClaimTemplates: [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'data', labels: labelsOf(owner.name) },
            spec: {
              accessModes: ['ReadWriteOnce'],
              ...(className === undefined ? {} : { storageClassName: className }),
              resources: { requests: { storage: `${size}` } },
            },
          },
        ],
      },
    },
    {
      [annotations.template]: JSON.stringify(template),
      [annotations.change]: input.change,
      [annotations.replicas]: `${input.replicas}`,
      [annotations.templateRevision]: revision,
      [annotations.version]: input.version,
    },
  );
}

/**
 * The template that was applied last, as long as the user has changed nothing: an operator that
 * would build other pods from the same spec waits for the next change before it rolls a cluster.
 */
function keptTemplate({ before, template, change }: StatefulSetInput): {
  readonly template: Template;
  readonly revision: string;
} {
  const fresh = { template: podTemplate(template), revision: templateRevision };
  const revision = before?.[annotations.templateRevision];
  const text = before?.[annotations.template];
  if (revision === undefined || text === undefined) return fresh;
  if (before?.[annotations.change] !== change) return fresh;
  const kept = templateSchema.safeParse(parsed(text));
  return kept.success ? { template: kept.data, revision } : fresh;
}

const templateSchema = z.object({
  metadata: z.record(z.string(), z.unknown()),
  spec: z.record(z.string(), z.unknown()),
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
