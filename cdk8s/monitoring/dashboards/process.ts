import type { Panel, Row } from '../board.ts';
import { perSecond, total } from '../promql.ts';

const graph = { kind: 'graph', width: 6 } as const;

/** What the processes themselves need, by a label of theirs; `matchers` choose them. */
export function processRow(matchers: string, by: string): Row {
  const legend = `{{${by}}}`;
  const level = (metric: string) => total(`${metric}{${matchers}}`, [by]);
  const panels: readonly Panel[] = [
    {
      ...graph,
      title: 'Processor',
      description: 'Seconds of a processor used a second. Compare with the requested ones.',
      unit: 'none',
      queries: [{ expr: perSecond('process_cpu_seconds_total', [by], matchers), legend }],
    },
    {
      ...graph,
      title: 'Memory',
      description: 'Resident memory, and the part of it that is the heap in use.',
      unit: 'bytes',
      queries: [
        { expr: level('process_resident_memory_bytes'), legend: `${legend} resident` },
        { expr: level('nodejs_heap_size_used_bytes'), legend: `${legend} heap` },
      ],
    },
    {
      ...graph,
      title: 'Event loop delay (p99)',
      description: 'How late timers are. Above a tenth of a second everything is late.',
      unit: 's',
      warnAt: 0.05,
      badAt: 0.2,
      queries: [{ expr: `max by (${by}) (nodejs_eventloop_lag_p99_seconds{${matchers}})`, legend }],
    },
    {
      ...graph,
      title: 'Garbage collection',
      description: 'Share of the time that the process stands still for it.',
      unit: 'percentunit',
      warnAt: 0.1,
      queries: [{ expr: perSecond('nodejs_gc_duration_seconds_sum', [by], matchers), legend }],
    },
  ];
  return { title: 'Processes', panels };
}
