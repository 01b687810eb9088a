import type { Relation } from '../catalog/catalog.js';
import type { WriteKind } from './findings.js';
import type { Resolving } from './resolving.js';
import { Trace } from './trace.js';

/** pg_trigger.tgtype. */
const TRIGGER_EVENT: Readonly<Record<WriteKind, number>> = { insert: 4, delete: 8, update: 16, truncate: 32 };

/** The same. */
const INSTEAD_OF = 64;

/** pg_rewrite.ev_type. */
const RULE_EVENT: Readonly<Record<WriteKind, string>> = {
  update: '2',
  insert: '3',
  delete: '4',
  truncate: '-',
};

const CASCADES: ReadonlySet<string> = new Set(['c', 'n', 'd']);

/**
 * Follows what the writes of a statement set off: triggers, rules, constraints and defaults that run code,
 * cascades of foreign keys, the tables behind views. Everything reached counts as written.
 */
export function followWrites(resolving: Resolving, cascadeTruncate: boolean): { cascades: boolean } {
  const { findings, names } = resolving;
  const { catalog } = names;
  const queue = [...findings.writes];
  let taken = findings.writes.length;
  const seen = new Set<string>();
  let cascades = false;
  const reach = (relation: Relation | undefined, kind: WriteKind, columns: readonly string[]): void => {
    if (relation === undefined) return;
    findings.written.set(relation.oid, relation);
    queue.push({ relation, kind, columns });
  };
  for (const { relation, kind, columns } of queue) {
    const key = `${relation.oid} ${kind} ${columns.join()}`;
    if (seen.has(key)) continue;
    seen.add(key);
    noteColumns(resolving, relation, kind, columns);
    if ((catalog.rules.get(relation.oid) ?? []).includes(RULE_EVENT[kind])) {
      findings.uncounted.add(`a rule on ${relation.name}`);
      findings.cannotTell(`a rule on ${relation.name} rewrites it`);
    }
    for (const one of catalog.withDescendants(relation)) fire(resolving, one, kind);
    // What triggers write sets off more.
    queue.push(...findings.writes.slice(taken));
    taken = findings.writes.length;
    if (relation.kind === 'v') {
      const replaced = (catalog.triggers.get(relation.oid) ?? []).some(
        ({ type }) => (type & INSTEAD_OF) !== 0 && (type & TRIGGER_EVENT[kind]) !== 0,
      );
      if (!replaced)
        for (const base of resolving.basesOf(relation)) reach(base, kind, kind === 'update' ? [] : columns);
      continue;
    }
    for (const reference of catalog.referencedBy.get(relation.oid) ?? []) {
      const referencing = catalog.relations.get(reference.relation);
      if (referencing === undefined || !reaches(relation, reference, kind, columns, cascadeTruncate))
        continue;
      cascades = true;
      findings.uncounted.add(`a cascade to ${referencing.name}`);
      const onward =
        kind === 'delete' && reference.onDelete === 'c' ? 'delete' : kind === 'truncate' ? kind : 'update';
      reach(referencing, onward, []);
    }
  }
  return { cascades };
}

function reaches(
  relation: Relation,
  reference: { onDelete: string; onUpdate: string; columns: readonly number[] },
  kind: WriteKind,
  columns: readonly string[],
  cascadeTruncate: boolean,
): boolean {
  if (kind === 'truncate') return cascadeTruncate;
  if (kind === 'delete') return CASCADES.has(reference.onDelete);
  if (kind !== 'update' || !CASCADES.has(reference.onUpdate)) return false;
  const keys = relation.columns.filter(({ attnum }) => reference.columns.includes(attnum));
  return columns.length === 0 || keys.some(({ name }) => columns.includes(name));
}

function fire(resolving: Resolving, relation: Relation, kind: WriteKind): void {
  const { catalog } = resolving.names;
  const { findings } = resolving;
  for (const trigger of catalog.triggers.get(relation.oid) ?? []) {
    if ((trigger.type & TRIGGER_EVENT[kind]) === 0) continue;
    findings.uncounted.add(`a trigger on ${relation.name}`);
    resolving.callByOid([trigger.function], new Trace());
  }
  const takesValues = kind === 'insert' || kind === 'update';
  for (const one of [relation, ...catalog.partitionAncestors(relation)])
    for (const { function: oid, what } of catalog.code.get(one.oid) ?? [])
      if (what === 'trigger' || (takesValues && what !== 'policy' && what !== 'cast'))
        resolving.callByOid([oid], new Trace());
}

function noteColumns(
  { findings }: Resolving,
  relation: Relation,
  kind: WriteKind,
  columns: readonly string[],
): void {
  const all = kind === 'delete' || kind === 'truncate' || columns.length === 0;
  for (const column of relation.columns)
    if (all || columns.includes(column.name)) findings.columnsWritten.add(`${relation.oid}.${column.attnum}`);
}
