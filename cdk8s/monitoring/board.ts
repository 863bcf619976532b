import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  CustomVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { runbookUrl } from './runbook.ts';

const rowsHigh = { stat: 4, graph: 8 } as const;
/** How a query names what was chosen in a variable of the dashboard. */
const chosen = (name: string): string => `$\{${name}}`;
const source = { type: 'prometheus', uid: chosen('datasource') } as const;
const refIds = 'ABCDEFGHIJ';

export interface Query {
  readonly expr: string;
  /** `{{label}}` stands for the value of a label. */
  readonly legend: string;
  /** Whether traces of single observations are shown as points. */
  readonly exemplars?: boolean;
}

export interface Panel {
  /** `stat` is the last value, large; `graph` its course. */
  readonly kind: 'stat' | 'graph';
  readonly title: string;
  /** What one sees, and when it should worry. */
  readonly description: string;
  /** In Grafana's words, see `@grafana/grafana-foundation-sdk/units`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width: number;
  /** Values from which on it is yellow, and red. */
  readonly warnAt?: number;
  readonly badAt?: number;
  /** Values below which it is red: for what should be there. */
  readonly badBelow?: number;
  /** The alert whose section of the runbook explains what to do. */
  readonly alert?: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Board {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
  /** A choice of one value, named in queries as `$<name>`. */
  readonly choice?: {
    readonly name: string;
    readonly label: string;
    readonly values: readonly string[];
  };
  /** Whether a data source of traces can be chosen, and a link leads to them. */
  readonly traces?: boolean;
}

/** The dashboard as Grafana reads it. The same value gives the same text. */
export function rendered(board: Board, runbook: string): string {
  const builder = new DashboardBuilder(board.title)
    .uid(`windlass-${board.name}`)
    .description(board.description)
    .tags(['windlass'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .readonly();
  addVariables(builder, board);
  addLinks(builder, board, runbook);
  // The builder numbers nothing, and Grafana needs each panel's number to be its own.
  let id = 0;
  for (const row of board.rows) {
    builder.withRow(new RowBuilder(row.title).id(++id));
    for (const panel of row.panels) builder.withPanel(panelOf(panel, ++id, runbook));
  }
  return `${JSON.stringify(builder.build(), null, 2)}\n`;
}

function addVariables(builder: DashboardBuilder, { choice, traces }: Board): void {
  const metrics = new DatasourceVariableBuilder('datasource').label('Metrics').type('prometheus');
  builder.withVariable(metrics);
  if (traces === true) {
    builder.withVariable(new DatasourceVariableBuilder('traces').label('Traces').type('tempo'));
  }
  if (choice === undefined) return;
  const [first = ''] = choice.values;
  builder.withVariable(
    new CustomVariableBuilder(choice.name)
      .label(choice.label)
      .values(choice.values.join(','))
      .current({ text: first, value: first, selected: true })
      .options(choice.values.map((value) => ({ text: value, value, selected: value === first }))),
  );
}

/** All traces of the platform in the time that is shown; its names of variables are filled in. */
function explored(): string {
  const datasource = chosen('traces');
  const query = '{ resource.service.namespace = "windlass" }';
  const range = { from: chosen('__from'), to: chosen('__to') };
  const panes = {
    traces: { datasource, queries: [{ refId: 'A', queryType: 'traceql', query }], range },
  };
  // Grafana finds variables in an address only where they are not encoded.
  const encoded = encodeURIComponent(JSON.stringify(panes)).replace(
    /%24%7B(\w+)%7D/g,
    (_, name: string) => chosen(name),
  );
  return `/explore?schemaVersion=1&panes=${encoded}`;
}

function addLinks(builder: DashboardBuilder, { traces }: Board, runbook: string): void {
  builder.link(
    new DashboardLinkBuilder('Windlass')
      .type(DashboardLinkType.Dashboards)
      .tags(['windlass'])
      .asDropdown(true)
      .keepTime(true),
  );
  const traced = traces === true ? [{ title: 'Traces', url: explored() }] : [];
  for (const { title, url } of [{ title: 'Runbook', url: runbook }, ...traced]) {
    builder.link(
      new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url).targetBlank(true),
    );
  }
}

function panelOf(panel: Panel, id: number, runbook: string) {
  const builder = panel.kind === 'stat' ? statBuilder() : graphBuilder(panel);
  builder
    .id(id)
    .title(panel.title)
    .description(panel.description)
    .datasource(source)
    .unit(panel.unit)
    .height(rowsHigh[panel.kind])
    .span(panel.width)
    .min(0)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(stepsOf(panel)));
  for (const [index, query] of panel.queries.entries()) {
    builder.withTarget(queryOf(query, refIds[index] ?? '', panel.kind));
  }
  if (panel.alert !== undefined) {
    builder.links([
      new DashboardLinkBuilder(`Runbook: ${panel.alert}`)
        .type(DashboardLinkType.Link)
        .url(runbookUrl(runbook, panel.alert))
        .targetBlank(true),
    ]);
  }
  return builder;
}

function statBuilder(): StatBuilder {
  return new StatBuilder().reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

function graphBuilder({ warnAt, badAt, badBelow }: Panel): TimeseriesBuilder {
  const isBounded = warnAt !== undefined || badAt !== undefined || badBelow !== undefined;
  const lines = isBounded ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off;
  return new TimeseriesBuilder()
    .lineWidth(1)
    .fillOpacity(10)
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(lines))
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    );
}

function queryOf(query: Query, refId: string, kind: Panel['kind']): DataqueryBuilder {
  const builder = new DataqueryBuilder()
    .refId(refId)
    .datasource(source)
    .expr(query.expr)
    .legendFormat(query.legend)
    .exemplar(query.exemplars === true);
  return kind === 'stat' ? builder.instant() : builder.range();
}

/** The lowest step has no value in Grafana's model: it holds from minus infinity on. */
function stepsOf({ warnAt, badAt, badBelow }: Panel): Threshold[] {
  if (badBelow !== undefined) {
    return [
      { value: null, color: 'red' },
      { value: badBelow, color: 'green' },
    ];
  }
  const steps: Threshold[] = [{ value: null, color: 'green' }];
  if (warnAt !== undefined) steps.push({ value: warnAt, color: 'yellow' });
  if (badAt !== undefined) steps.push({ value: badAt, color: 'red' });
  return steps;
}
