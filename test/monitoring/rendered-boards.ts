import { z } from 'zod';
import { type Dashboard, dashboards } from '../../cdk8s/monitoring/monitoring.ts';

const link = z.object({ title: z.string(), url: z.string().optional() });
const target = z.object({
  refId: z.string(),
  expr: z.string(),
  legendFormat: z.string(),
  exemplar: z.boolean(),
  datasource: z.object({ type: z.string(), uid: z.string() }),
});
const panel = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string().optional(),
  datasource: z.object({ type: z.string(), uid: z.string() }).optional(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  links: z.array(link).optional(),
  targets: z.array(target).optional(),
  fieldConfig: z
    .object({
      defaults: z.object({
        unit: z.string(),
        thresholds: z.object({
          mode: z.string(),
          steps: z.array(z.object({ value: z.number().nullable(), color: z.string() })).min(1),
        }),
      }),
    })
    .optional(),
});
const model = z.object({
  uid: z.string(),
  title: z.string(),
  graphTooltip: z.number(),
  schemaVersion: z.number(),
  links: z.array(link),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), query: z.string() })),
  }),
  panels: z.array(panel),
});

/** A dashboard as Grafana would read it back. */
export interface RenderedBoard {
  readonly dashboard: Dashboard;
  readonly model: z.output<typeof model>;
}

export const boards: readonly RenderedBoard[] = dashboards().map((dashboard) => ({
  dashboard,
  model: model.parse(JSON.parse(dashboard.json)),
}));

/** One query of a panel, with the choices of its dashboard filled in. */
export interface PanelQuery {
  /** Dashboard, choice, panel and the query's letter, for a person. */
  readonly where: string;
  readonly expression: string;
  readonly hasExemplars: boolean;
}

/** Every query of every panel, once for each value that its dashboard lets one choose. */
export function panelQueries(rateInterval: string): readonly PanelQuery[] {
  return boards.flatMap(({ dashboard, model: { panels, templating } }) => {
    const [choice] = templating.list.filter(({ type }) => type === 'custom');
    const values = choice?.query.split(',') ?? [''];
    return values.flatMap((value) =>
      panels.flatMap(({ title, targets = [] }) =>
        targets.map(({ refId, expr, exemplar }) => ({
          where: [dashboard.name, value, title, refId].filter(Boolean).join(' / '),
          expression: expr
            .replaceAll('$__rate_interval', rateInterval)
            .replaceAll(`$${choice?.name ?? '-'}`, value),
          hasExemplars: exemplar,
        })),
      ),
    );
  });
}

const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'on', 'without', 'ignoring']);

/** Names of the metrics that an expression of PromQL asks for. */
export function metricsIn(expression: string): readonly string[] {
  const bare = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const names = [...bare.matchAll(/(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)];
  return [...new Set(names.map(([name]) => name))].filter((name) => !words.has(name));
}
