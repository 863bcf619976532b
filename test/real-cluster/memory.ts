import { setTimeout as pause } from 'node:timers/promises';
import { until } from '@windlass/runtime/testing/until.ts';
import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';

/** Between two looks while something is watched: the kubelets measure every ten seconds. */
const everyMs = 10_000;

const nodeList = z.object({
  items: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
});
const summary = z.object({
  pods: z.array(
    z.object({
      podRef: z.object({ name: z.string(), namespace: z.string() }),
      containers: z
        .array(
          z.object({
            name: z.string(),
            memory: z.object({ workingSetBytes: z.number().optional() }).optional(),
          }),
        )
        .default([]),
    }),
  ),
});

/** The most that the containers of some names had in use, of all that was seen so far. */
export class MemoryPeaks {
  private readonly kubectl: Kubectl;
  private readonly namespaces: readonly string[];
  private readonly bytes = new Map<string, number>();

  constructor(kubectl: Kubectl, namespaces: readonly string[]) {
    this.kubectl = kubectl;
    this.namespaces = namespaces;
  }

  /** Resolves when every node was asked. One that is busy gets some time. */
  async look(): Promise<void> {
    const ask = async () => {
      await this.ask();
      return true;
    };
    await until('every kubelet tells its memory', ask, { withinMs: 120_000, everyMs: 2_000 });
  }

  /** Looks again and again while `work` goes on. A look that fails is left out. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    const over = new AbortController();
    const looking = (async () => {
      while (!over.signal.aborted) {
        await this.ask().catch(() => {});
        await pause(everyMs, undefined, { signal: over.signal }).catch(() => {});
      }
    })();
    try {
      return await work;
    } finally {
      over.abort();
      await looking;
    }
  }

  /** Asks the kubelet of every node: what it would evict for, and what a limit is about. */
  private async ask(): Promise<void> {
    const { items } = nodeList.parse(await this.kubectl.json('get', 'nodes'));
    for (const { metadata } of items) {
      const path = `/api/v1/nodes/${metadata.name}/proxy/stats/summary`;
      const { pods } = summary.parse(JSON.parse(await this.kubectl.run('get', '--raw', path)));
      for (const { podRef, containers } of pods) {
        if (!this.namespaces.includes(podRef.namespace)) continue;
        for (const { name, memory } of containers) this.note(name, memory?.workingSetBytes ?? 0);
      }
    }
  }

  /** In MiB by the name of the container. */
  peaksMiB(): ReadonlyMap<string, number> {
    return new Map([...this.bytes].map(([name, bytes]) => [name, bytes / 1_024 ** 2]));
  }

  private note(name: string, bytes: number): void {
    this.bytes.set(name, Math.max(bytes, this.bytes.get(name) ?? 0));
  }
}
