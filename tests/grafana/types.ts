// What a dashboard file may be, in the types that Grafana publishes: the JSON schema of the test is made from
// `DashboardFile`. Stricter than Grafana's own `Dashboard`, which leaves open what a panel of each kind takes.
import type * as grafana from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as statetimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

interface Field<Custom> extends Omit<grafana.FieldConfig, 'custom'> {
  unit: string;
  custom?: Custom;
}

interface PanelOf<Type extends string, Options, Custom>
  extends Omit<grafana.Panel, 'type' | 'options' | 'fieldConfig' | 'libraryPanel'> {
  type: Type;
  id: number;
  title: string;
  description: string;
  options: Options;
  fieldConfig: Omit<grafana.FieldConfigSource, 'defaults'> & { defaults: Field<Custom> };
}

type Panel =
  | PanelOf<'bargauge', bargauge.Options, never>
  | PanelOf<'stat', stat.Options, never>
  | PanelOf<'state-timeline', statetimeline.Options, statetimeline.FieldConfig & { spanNulls?: boolean }>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

interface Row extends Omit<grafana.RowPanel, 'panels'> {
  panels: Panel[];
}

// Grafana publishes the annotation query of its own data source only; the rest of this one is Prometheus'.
interface PrometheusAnnotation extends Omit<grafana.AnnotationQuery, 'target'> {
  target: { expr: string; refId: string; interval: string };
  useValueForTime: boolean;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
}

export interface DashboardFile extends Omit<grafana.Dashboard, 'annotations' | 'panels' | 'id' | 'gnetId' | 'snapshot'> {
  uid: string;
  title: string;
  annotations: { list: (grafana.AnnotationQuery | PrometheusAnnotation)[] };
  panels: (Panel | Row)[];
}
