export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly unit: 's' | 'short' | 'ops' | 'bytes' | 'percentunit';
  readonly queries: readonly Query[];
}

/** A dashboard as Grafana imports it. https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const SCHEMA_VERSION = 39;
const COLUMNS = 24;
const PANEL = { w: 12, h: 8 };

/** A quantile of a histogram over the last five minutes. */
export const p = (q: number, name: string, by: string, where = '') =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${name}_bucket${where}[5m])))`;

/** A dashboard with a text at its head (who owns what) and two panels in a row. */
export function dashboard(uid: string, title: string, tags: readonly string[], facts: string, panels: readonly Panel[]): Dashboard {
  const text = {
    id: 1,
    type: 'text',
    title: '',
    gridPos: { x: 0, y: 0, w: COLUMNS, h: 6 },
    options: { mode: 'markdown', content: facts },
    targets: [],
  };
  return {
    uid,
    title,
    ...{
      tags,
      schemaVersion: SCHEMA_VERSION,
      version: 1,
      editable: false,
      refresh: '10s',
      time: { from: 'now-30m', to: 'now' },
      timezone: 'utc',
    },
    panels: [text, ...panels.map(graph)],
  };
}

function graph({ title, unit, queries }: Panel, index: number) {
  const datasource = { type: 'prometheus', uid: 'prometheus' };
  return {
    id: index + 2,
    type: 'timeseries',
    title,
    datasource,
    gridPos: { x: (index % 2) * PANEL.w, y: 6 + Math.floor(index / 2) * PANEL.h, ...PANEL },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(({ expr, legend }, i) => ({ refId: String.fromCharCode(65 + i), datasource, expr, legendFormat: legend })),
  };
}
