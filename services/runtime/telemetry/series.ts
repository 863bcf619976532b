import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** Time series of one set of labels. Cheap enough for each event: a plain addition. */
export interface Count {
  inc(by?: number): void;
}
export interface Level {
  set(value: number): void;
}
export interface Distribution {
  /** With the id of a trace that is exported, the bucket keeps it as its example. */
  observe(value: number, traceId?: string): void;
}

/**
 * A metric with labels. `of` gives the series of one set of values, the same object each time:
 * take it once where that is possible. Label values must come from a bounded set.
 */
export interface Family<Name extends string, Series> {
  of(labels: Labels<Name>): Series;
}
export interface LevelFamily<Name extends string> extends Family<Name, Level> {
  /** Called before each scrape to set current values; a failure leaves the last ones. */
  collectWith(update: (family: LevelFamily<Name>) => void | Promise<void>): void;
  /** Takes all series away, until they are asked for and set again. */
  clear(): void;
}

const nothing: Count & Level & Distribution = { inc() {}, set() {}, observe() {} };
const silent = { of: () => nothing, collectWith() {}, clear() {} };

/** Makes metrics with the platform's prefix in this registry; no-ops when not enabled. */
export function familiesOf(registry: Registry, enabled: boolean) {
  const registers = [registry];
  return {
    count<Name extends string>(
      name: string,
      help: string,
      labelNames: readonly Name[],
    ): Family<Name, Count> {
      if (!enabled) return silent;
      const family = new Counts(labelNames);
      new Counter({
        name: `windlass_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          for (const series of family.drain()) this.inc(series.labels, series.by);
        },
      });
      return family;
    },
    level<Name extends string>(
      name: string,
      help: string,
      labelNames: readonly Name[],
    ): LevelFamily<Name> {
      if (!enabled) return silent;
      const updates: ((family: LevelFamily<Name>) => void | Promise<void>)[] = [];
      const gauge = new Gauge<Name>({
        name: `windlass_${name}`,
        help,
        labelNames,
        registers,
        async collect() {
          await Promise.allSettled(updates.map(async (update) => update(family)));
        },
      });
      const series = new SeriesByLabels(labelNames, (labels) => gauge.labels(labels));
      const family = {
        of: (labels: Labels<Name>) => series.of(labels),
        collectWith: (update: (typeof updates)[number]) => void updates.push(update),
        clear: () => {
          gauge.reset();
          series.clear();
        },
      };
      return family;
    },
    distribution<Name extends string>(
      name: string,
      help: string,
      labelNames: readonly Name[],
      buckets: number[],
    ): Family<Name, Distribution> {
      if (!enabled) return silent;
      return new SeriesByLabels(
        labelNames,
        distributionMaker(registry, name, help, labelNames, buckets),
      );
    },
  };
}

/** A histogram, of which each series can keep traces as examples in its buckets. */
function distributionMaker<Name extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Name[],
  buckets: number[],
): (labels: Labels<Name>) => Distribution {
  // Registered afterwards: the library refuses examples in a registry of the plain format, which
  // just leaves them out.
  const histogram = new Histogram<Name>({
    ...{ name: `windlass_${name}`, help, labelNames, buckets },
    registers: [],
    enableExemplars: true,
  });
  registry.registerMetric(histogram);
  return (labels) => {
    const series = histogram.labels(labels);
    return {
      observe(value, traceId) {
        if (traceId === undefined) series.observe(value);
        else observeExample(histogram, labels, value, traceId);
      },
    };
  };
}

/** `trace_id` is the name that Grafana looks for. The library types it as a label of the metric. */
function observeExample(
  histogram: Histogram<string>,
  labels: Readonly<Record<string, string>>,
  value: number,
  traceId: string,
): void {
  histogram.observe({ labels, value, exemplarLabels: { trace_id: traceId } });
}

class SeriesByLabels<Name extends string, Series> implements Family<Name, Series> {
  private readonly names: readonly Name[];
  private readonly make: (labels: Labels<Name>) => Series;
  private readonly known = new Map<string, Series>();

  constructor(names: readonly Name[], make: (labels: Labels<Name>) => Series) {
    this.names = names;
    this.make = make;
  }

  of(labels: Labels<Name>): Series {
    let key = '';
    for (const name of this.names) key += `${labels[name]}\0`;
    let series = this.known.get(key);
    if (series === undefined) {
      series = this.make(labels);
      this.known.set(key, series);
    }
    return series;
  }

  clear(): void {
    this.known.clear();
  }
}

/**
 * Counts between two scrapes in plain numbers and hands them to the library when it is scraped:
 * counting an event then costs nanoseconds instead of 0.2 µs.
 */
class Counts<Name extends string> extends SeriesByLabels<
  Name,
  Count & { drain(): { readonly labels: Labels<Name>; readonly by: number } }
> {
  private readonly all: { drain(): { readonly labels: Labels<Name>; readonly by: number } }[] = [];

  constructor(names: readonly Name[]) {
    super(names, (labels) => {
      let pending = 0;
      const series = {
        inc: (by = 1) => {
          pending += by;
        },
        drain: () => {
          const by = pending;
          pending = 0;
          return { labels, by };
        },
      };
      this.all.push(series);
      return series;
    });
  }

  drain() {
    return this.all.map((series) => series.drain());
  }
}
