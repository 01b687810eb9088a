import type { Collector } from './collector.js';
import { RELATION_OBJECTS } from './object-names.js';
import { isStatement, statementKind } from './statement-kind.js';
import {
  asNode,
  asType,
  joinName,
  listOf,
  literalText,
  stringsOf,
  textOf,
  type Fields,
  type TypedNode,
} from './syntax-tree.js';

/** Where a relation stands decides whether its name is read or written. */
export type Use = 'read' | 'write';

/** How the rest of a utility statement is walked: what its relations are to it, and fields to leave out. */
export interface UtilityWalk {
  readonly use: Use;
  readonly skip?: ReadonlySet<string>;
}

const ROLE_ATTRIBUTES: ReadonlySet<unknown> = new Set([
  'superuser',
  'createrole',
  'createdb',
  'isreplication',
  'bypassrls',
]);

/** Whether a DefElem says yes: without an argument it does, and what is not clearly no counts as yes. */
export function saysYes(option: Fields): boolean {
  if (option['arg'] === undefined) return true;
  const boolean = asType(option['arg'], 'Boolean');
  if (boolean !== undefined) return boolean['boolval'] === true;
  const integer = asType(option['arg'], 'Integer');
  if (integer !== undefined) return (integer['ival'] ?? 0) !== 0;
  return !/^(false|off)$/i.test(literalText(option['arg']) ?? '');
}

const optionsOf = (fields: Fields, field = 'options'): readonly Fields[] =>
  listOf(fields[field])
    .map((option) => asType(option, 'DefElem'))
    .filter((option) => option !== undefined);

/** Notes what a utility statement does that its relations and functions do not tell. */
export function noteUtility(node: TypedNode, found: Collector): UtilityWalk {
  const { fields } = node;
  switch (node.type) {
    case 'VariableSetStmt':
      noteAssignment(fields, found);
      return { use: 'read' };
    case 'DiscardStmt':
      if (fields['target'] === 'DISCARD_ALL') found.sets('*', undefined);
      if (fields['target'] === 'DISCARD_TEMP') found.changesContext = true;
      return { use: 'read' };
    case 'DropStmt':
      if (RELATION_OBJECTS.has(fields['removeType'])) {
        for (const object of listOf(fields['objects'])) {
          const parts = stringsOf(asType(object, 'List')?.['items']);
          if (parts !== undefined) found.writes.add(joinName(parts));
        }
      }
      return { use: 'write' };
    case 'CopyStmt':
      noteInner(fields['query'], found);
      if (fields['is_program'] === true) found.traits.add('copy-program');
      else if (fields['filename'] !== undefined) found.traits.add('copy-file');
      return { use: fields['is_from'] === true ? 'write' : 'read' };
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
    case 'CreateTableAsStmt':
      noteInner(fields['query'], found);
      return { use: 'write' };
    case 'ExplainStmt':
      // One that only plans is walked apart: see analyze-statement.ts.
      noteInner(fields['query'], found);
      return { use: 'read' };
    case 'DoStmt':
      found.cannotTell('DO runs code that the analysis does not see');
      return { use: 'read' };
    case 'CallStmt':
      found.cannotTell('CALL runs a procedure that the analysis does not see');
      return { use: 'read' };
    case 'LoadStmt':
      found.cannotTell('LOAD runs a library of the server');
      return { use: 'read' };
    case 'CreateRoleStmt':
    case 'AlterRoleStmt':
      if (optionsOf(fields).some((option) => ROLE_ATTRIBUTES.has(option['defname']) && saysYes(option))) {
        found.traits.add('role-attribute');
      }
      return { use: 'write' };
    case 'VacuumStmt':
      if (optionsOf(fields).some((option) => option['defname'] === 'full' && saysYes(option))) {
        found.traits.add('table-rewrite');
      }
      return { use: 'write' };
    case 'LockStmt':
      return { use: 'read' };
    case 'CompositeTypeStmt':
      return { use: 'write', skip: new Set(['typevar']) };
    default:
      return { use: 'write' };
  }
}

/** Whether an EXPLAIN also runs what it explains. */
export const explainRuns = (explain: Fields): boolean =>
  optionsOf(explain).some((option) => option['defname'] === 'analyze' && saysYes(option));

/** The statement that PREPARE, DECLARE, COPY and CREATE TABLE AS hold counts as contained, SELECT included. */
function noteInner(query: unknown, found: Collector): void {
  const node = asNode(query);
  if (node === undefined || !isStatement(node.type)) return;
  const kind = statementKind(node);
  if (kind !== undefined) found.contains(kind.kind, kind.category);
}

function noteAssignment(fields: Fields, found: Collector): void {
  const given = listOf(fields['args']);
  const name = textOf(fields['name']) ?? '';
  switch (fields['kind']) {
    case 'VAR_RESET_ALL':
      return found.sets('*', undefined);
    case 'VAR_SET_MULTI':
      if (name === 'TRANSACTION SNAPSHOT') return found.sets('transaction_snapshot', undefined);
      for (const item of given) found.sets(textOf(asType(item, 'DefElem')?.['defname']) ?? '*', undefined);
      return;
    case 'VAR_SET_VALUE':
      return found.sets(name, given.length === 1 ? literalText(given[0]) : undefined);
    default:
      return found.sets(name, undefined);
  }
}
