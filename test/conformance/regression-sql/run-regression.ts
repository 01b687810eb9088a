import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SqlAnalyzer, StatementAnalysis } from '#libs/sql/analysis.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import {
  relationsOfPlan,
  relationsOfView,
  relationsTouched,
  type ServerRelation,
} from '#libs/sql/testing/server-relations.js';
import { tagAgrees } from './expected-tags.js';
import { RegressionSession, type Ran } from './regression-session.js';
import { splitScript } from './split-script.js';

export interface Disagreement {
  readonly about: 'parse' | 'kind' | 'relations';
  readonly where: string;
  readonly detail: string;
  readonly text: string;
}

/** Counts of one run. */
export interface RegressionTally {
  statements: number;
  /** Those the server accepted as syntax. */
  parsed: number;
  succeeded: number;
  /** Queries and writes whose relations were compared with the server's; those the analysis called incomplete. */
  compared: number;
  incomplete: number;
  skipped: number;
  readonly disagreements: Disagreement[];
}

export const newTally = (): RegressionTally => ({
  statements: 0,
  parsed: 0,
  succeeded: 0,
  compared: 0,
  incomplete: 0,
  skipped: 0,
  disagreements: [],
});

/** libpg_query takes a parameter and a name without a space between, for normalized texts; the server does not. */
const KNOWN_LENIENT = /\$\d+[A-Za-z_]/;
const FIRST_USER_OID = 16384;
const COMPARED = /^(SELECT|VALUES|INSERT|UPDATE|DELETE|MERGE)$/;
/** The gateway pins these; what follows under others is another language. */
const PINNED = /\b(standard_conforming_strings|client_encoding|backslash_quote)\b|\bset\s+names\b/i;
export interface RegressionRun {
  readonly url: string;
  readonly analyzer: SqlAnalyzer;
  readonly tally: RegressionTally;
}

/** Runs every statement of a psql script, and compares what the server does with what the analysis says. */
export async function runScript(file: string, { url, analyzer, tally }: RegressionRun): Promise<void> {
  let session = await RegressionSession.open(url);
  let context: ResolutionContext | undefined;
  const again = async (): Promise<void> => {
    await session.close().catch(() => undefined);
    session = await RegressionSession.open(url);
    context = undefined;
  };
  const steps = splitScript(await readFile(file, 'utf8'));
  let ran: Ran | undefined;
  for (;;) {
    const step = steps.next(ran?.ok === false && ran.waitsForData);
    ran = undefined;
    if (step.done === true) break;
    if (step.value.is === 'connect') {
      await again();
      if (step.value.user !== undefined && step.value.user !== '-')
        await session.run(`SET SESSION AUTHORIZATION ${step.value.user}`);
      continue;
    }
    if (step.value.is === 'skipped' || PINNED.test(step.value.text)) {
      tally.skipped += 1;
      continue;
    }
    const { text, several, line } = step.value;
    const where = `${path.basename(file)}:${line}`;
    const differ = (about: Disagreement['about'], detail: string): void =>
      void tally.disagreements.push({ about, where, detail, text });
    tally.statements += 1;
    const analysed = await analyzer.analyze(text);
    const [analysis] = analysed.ok ? analysed.analysis.statements : [];
    const compares = !several && analysis !== undefined && COMPARED.test(analysis.kind) && !session.hasFailed;
    let found: Compared | undefined;
    if (compares) {
      context ??= await session.context();
      if (context !== undefined) found = await compare(session, analyzer, context, text, analysis);
    }
    if (session.hasEnded) await again();
    ran = await session.run(text);
    if (session.hasEnded) await again();

    // The body of a function is a text of its own.
    const refused = !ran.ok && ran.isSyntax && !/^CREATE (FUNCTION|PROCEDURE)$/.test(analysis?.kind ?? '');
    const alike = !ran.ok && !analysed.ok && analysed.message.startsWith(ran.message.slice(0, 20));
    if (!refused) tally.parsed += 1;
    if (ran.ok) tally.succeeded += 1;
    if (!analysed.ok && analysed.sqlstate === '42601' && !refused && !alike)
      differ(
        'parse',
        `we refuse (${analysed.message}), the server ${ran.ok ? 'runs it' : `says ${ran.code} ${ran.message}`}`,
      );
    if (analysed.ok && refused && !KNOWN_LENIENT.test(text))
      differ('parse', `we take it, the server says ${ran.ok ? '' : ran.message}`);
    if (ran.ok && !several && analysis !== undefined && !tagAgrees(analysis, ran.tag))
      differ('kind', `we say ${analysis.kinds.join(', ')}, the server ${ran.tag}`);
    if (found !== undefined && ran.ok) {
      tally.compared += 1;
      if (found.incomplete !== undefined) tally.incomplete += 1;
      else if (found.missed.length > 0) differ('relations', `missed: ${found.missed.join(', ')}`);
    }
    // Names may mean something else from here on.
    const keeps = analysis !== undefined && !several && COMPARED.test(analysis.kind);
    if (!keeps || analysis.changesContext || found?.incomplete !== undefined) context = undefined;
  }
  await session.close();
}

interface Compared {
  readonly incomplete: string | undefined;
  /** Relations the server reads or changes that the analysis does not name. */
  readonly missed: readonly string[];
}

async function compare(
  session: RegressionSession,
  analyzer: SqlAnalyzer,
  context: ResolutionContext,
  text: string,
  { kind }: StatementAnalysis,
): Promise<Compared | undefined> {
  const resolved = await analyzer.resolve(text, context);
  const [statement] = resolved.ok ? resolved.analysis.statements : [];
  if (statement === undefined) return undefined;
  const plan = await session.aside(() => relationsOfPlan(session.ask, text));
  if (plan === undefined) return undefined;
  const isQuery = kind === 'SELECT' || kind === 'VALUES';
  const view = isQuery ? await session.aside(() => relationsOfView(session.ask, text)) : undefined;
  const { incomplete, resolution } = statement;
  const relations = resolution?.relations ?? [];
  const touched = new Set(relations.map(({ oid }) => oid));
  const written = new Set(relations.filter((each) => each.written).map(({ oid }) => oid));
  // Runs it once for the counters, and takes that back.
  const run = incomplete === undefined ? await session.aside(() => relationsTouched(session.ask, text)) : [];
  const parents = await session.aside(() => partitionParents(session));
  const isIn = (set: ReadonlySet<number>, oid: number): boolean => {
    for (let each: number | undefined = oid; each !== undefined; each = parents?.get(each))
      if (set.has(each)) return true;
    return false;
  };
  const missing = (all: readonly ServerRelation[], set: ReadonlySet<number>, what: string): string[] =>
    all.filter(({ oid }) => !isIn(set, oid)).map(({ name }) => `${name} (${what})`);
  // A view also depends on what it names as a constant of type regclass, and on the row types of values:
  // what the text does not name as a relation the plan has to show.
  const code = text.replaceAll(/--.*|'(?:[^']|'')*'|::\s*[\w."]+/g, ' ');
  const isRead = ({ name, kind }: ServerRelation): boolean =>
    kind !== 'c' &&
    new RegExp(`\\b${(name.split('.').at(-1) ?? '').replaceAll(/\W/g, '.')}\\b`, 'i').test(code);
  // The server's own views are named, not followed.
  const throughSystemView = relations.some(
    ({ oid, kind: relkind }) => relkind === 'v' && oid < FIRST_USER_OID,
  );
  const counts = (each: ServerRelation): boolean => !(throughSystemView && each.oid < FIRST_USER_OID);
  // A foreign key looks at the table on its other side; nothing of that is told to anybody.
  const keys = (await session.aside(() => foreignKeys(session))) ?? [];
  const isMore = ({ oid }: ServerRelation): boolean =>
    !keys.some(
      ([one, other]) => (one === oid && isIn(written, other)) || (other === oid && isIn(written, one)),
    );
  return {
    incomplete,
    missed: [
      ...missing((run ?? []).filter(isMore), touched, 'run'),
      ...missing(plan.scanned.filter(counts), touched, 'plan'),
      ...missing(plan.changed, written, 'changed'),
      ...missing((view?.relations ?? []).filter(isRead), touched, 'view'),
    ],
  };
}

/** Partitions by the table they are a part of: the analysis names the whole where the text does. */
async function partitionParents(session: RegressionSession): Promise<Map<number, number>> {
  const rows = await session.ask(`SELECT i.inhrelid::int4 AS child, i.inhparent::int4 AS parent
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition`);
  return new Map(rows.map(({ child, parent }) => [child as number, parent as number]));
}

/** Tables that a foreign key ties, both ways round. */
async function foreignKeys(session: RegressionSession): Promise<[number, number][]> {
  const rows = await session.ask(`SELECT k.conrelid::int4 AS one, k.confrelid::int4 AS other
    FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'`);
  return rows.map(({ one, other }) => [one as number, other as number]);
}
