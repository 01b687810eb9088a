import type { StatementAnalysis } from '../analysis.js';
import type { Column, Relation } from '../catalog/catalog.js';
import { looksPersonal } from '../personal-data.js';
import type { Trait } from '../traits.js';
import type { Flow } from './findings.js';
import type { Resolving } from './resolving.js';
import { traceOfRow, type Row, type Trace } from './trace.js';

/** Columns of the system that show what others sent or what is in tables. */
const REVEALING: ReadonlyMap<string, ReadonlySet<string> | 'all'> = new Map<
  string,
  ReadonlySet<string> | 'all'
>([
  ['pg_stat_activity', new Set(['query'])],
  ['pg_stats', new Set(['most_common_vals', 'histogram_bounds', 'most_common_elems'])],
  ['pg_stats_ext', 'all'],
  ['pg_stats_ext_exprs', 'all'],
  ['pg_statistic', 'all'],
  ['pg_statistic_ext_data', 'all'],
  ['pg_stat_statements', new Set(['query'])],
  ['pg_authid', new Set(['rolpassword'])],
  ['pg_shadow', new Set(['passwd'])],
  ['pg_user_mapping', new Set(['umoptions'])],
  ['pg_user_mappings', new Set(['umoptions'])],
  ['pg_foreign_server', new Set(['srvoptions'])],
  ['pg_subscription', new Set(['subconninfo'])],
  ['pg_largeobject', 'all'],
  ['pg_hba_file_rules', 'all'],
  ['pg_ident_file_mappings', 'all'],
  ['pg_file_settings', 'all'],
]);

/** The traits that follow from where values go, by what columns look like personal data. */
export function noteUses(resolving: Resolving, output: Row, analysis: StatementAnalysis): ReadonlySet<Trait> {
  const traits = new Set<Trait>();
  const { findings } = resolving;
  const isPersonal = (trace: Trace): boolean => carriesPersonal(resolving, trace);
  if (findings.flows.some((flow) => !arrivesAsPersonal(flow) && isPersonal(flow.from)))
    traits.add('relocates-personal-data');
  if (findings.reshaped.some(isPersonal)) traits.add('reshapes-personal-data');
  if (analysis.kind === 'COPY' && isPersonal(traceOfRow(output))) traits.add('copies-personal-data');
  else if (analysis.category === 'write' && analysis.writes.length > 0 && isPersonal(traceOfRow(output)))
    traits.add('returns-personal-data');
  for (const key of findings.columnsRead) {
    const found = columnOf(resolving, key);
    const revealing =
      found?.relation.isSystem === true || found?.relation.name === 'pg_stat_statements'
        ? REVEALING.get(found.relation.name)
        : undefined;
    if (revealing === 'all' || (found !== undefined && revealing?.has(found.column.name) === true))
      traits.add('reveals');
  }
  return traits;
}

/** Where it cannot be told what is in a value, everything that is read may be. */
function carriesPersonal(resolving: Resolving, trace: Trace): boolean {
  for (const key of trace.columns) {
    const found = columnOf(resolving, key);
    if (
      found !== undefined &&
      !found.relation.isSystem &&
      looksPersonal(found.column.name, found.column.type)
    )
      return true;
  }
  if (trace.unknown === undefined) return false;
  for (const relation of resolving.findings.read.values())
    if (!relation.isSystem && relation.columns.some(({ name, type }) => looksPersonal(name, type)))
      return true;
  return false;
}

const arrivesAsPersonal = ({ column, relation }: Flow): boolean =>
  looksPersonal(column, relation?.columns.find(({ name }) => name === column)?.type);

/** The relation and column behind a trace's key. */
export function columnOf(
  resolving: Resolving,
  key: string,
): { readonly relation: Relation; readonly column: Column } | undefined {
  const [oid, attnum] = key.split('.');
  const relation = resolving.relationOf(Number(oid));
  const column = relation?.columns.find((one) => one.attnum === Number(attnum));
  return relation === undefined || column === undefined ? undefined : { relation, column };
}
