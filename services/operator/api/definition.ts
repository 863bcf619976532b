import type { z } from 'zod';
import type { Resource } from '../control/objects.ts';
import type { Rule } from './rule.ts';

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  /** 1 is shown with `-o wide` only. */
  readonly priority?: 1;
}

/** All that makes the CustomResourceDefinition of one kind. */
export interface Definition {
  readonly resource: Resource;
  readonly shortNames: readonly string[];
  /** One sentence: what `kubectl explain` says of the kind. */
  readonly description: string;
  readonly spec: z.ZodObject;
  readonly status: z.ZodObject;
  /** `self` is the spec. */
  readonly rules: readonly Rule[];
  /** `self` is the object, of whose metadata only the name can be read. */
  readonly objectRules?: readonly Rule[];
  readonly columns: readonly Column[];
  /** What `kubectl scale` and an autoscaler read and write. */
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
}

function ofReady(field: 'status' | 'reason'): string {
  return `.status.conditions[?(@.type=="Ready")].${field}`;
}

/** The columns of the kind between those that every kind has. */
export function columns(...own: readonly Column[]): readonly Column[] {
  return [
    { name: 'Ready', type: 'string', jsonPath: ofReady('status') },
    ...own,
    { name: 'Reason', type: 'string', jsonPath: ofReady('reason'), priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ];
}

export function text(name: string, jsonPath: string): Column {
  return { name, type: 'string', jsonPath };
}

export function figure(name: string, jsonPath: string): Column {
  return { name, type: 'integer', jsonPath };
}

export function wide(column: Column): Column {
  return { ...column, priority: 1 };
}
