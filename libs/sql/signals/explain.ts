import type { StatementAnalysis } from '../analysis.js';
import type { Trait } from '../traits.js';

const EXPLAINED: ReadonlySet<string> = new Set([
  'SELECT',
  'VALUES',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'CREATE TABLE AS',
  'SELECT INTO',
]);

/** Functions that do something when the planner folds a call of them. */
const NOT_PLANNED: ReadonlySet<Trait> = new Set([
  'dynamic-sql',
  'server-file',
  'large-object',
  'page-inspection',
  'wal-inspection',
  'backend-signal',
  'server-control',
  'notify',
  'computed-setting',
]);

export const isExplained = ({ kind }: StatementAnalysis): boolean => EXPLAINED.has(kind);

/** Why the planner must not see a statement, which counts as the strictest case; undefined where it may. */
export function whyNoEstimate(statement: StatementAnalysis): string | undefined {
  const { resolution, incomplete } = statement;
  if (!isExplained(statement)) return `EXPLAIN does not take ${statement.kind}`;
  if (incomplete !== undefined) return incomplete;
  if (resolution === undefined) return 'its names are not resolved';
  const [called] = [...resolution.userFunctions, ...(resolution.plannedCode ?? [])];
  if (called !== undefined) return `the planner might run ${called}`;
  if (statement.traits.some((trait) => NOT_PLANNED.has(trait))) return 'the planner might run what it calls';
  if (resolution.relations.some(({ name }) => name.startsWith('pg_temp.')))
    return 'it uses temporary tables, which only its session sees';
  return undefined;
}

/** Never with ANALYZE: nothing runs. `text` is the one statement, as it stands in its message. */
export const explainText = (text: string): string => `EXPLAIN (FORMAT JSON) ${text}`;

interface Plan {
  readonly 'Node Type'?: unknown;
  readonly 'Plan Rows'?: unknown;
  readonly Plans?: readonly Plan[];
}

/** Rows at the top of a plan in JSON; of what a write changes, those that reach it. undefined: not a plan. */
export function planRows(json: string): number | undefined {
  const [explained] = JSON.parse(json) as readonly { readonly Plan?: Plan }[];
  let plan = explained?.Plan;
  if (plan?.['Node Type'] === 'ModifyTable') plan = plan.Plans?.[0];
  const rows = plan?.['Plan Rows'];
  return typeof rows === 'number' ? rows : undefined;
}
