import type { Relation } from '../catalog/catalog.js';
import { personalColumns } from '../personal-data.js';
import { joinName } from '../syntax-tree.js';
import { columnOf } from './personal-uses.js';
import type { OutputColumn, Resolution, TouchedRelation } from './resolution.js';
import type { Resolving } from './resolving.js';
import type { Row } from './trace.js';
import { compiledIsHarmless } from './user-code.js';

const nameOf = ({ schema, name }: Relation): string => joinName([schema, name]);

/** What a resolution found, in names, for those outside the parser's thread. */
export function describe(resolving: Resolving, output: Row): Resolution {
  const { findings } = resolving;
  const name = (key: string): string | undefined => {
    const found = columnOf(resolving, key);
    return found === undefined
      ? undefined
      : joinName([found.relation.schema, found.relation.name, found.column.name]);
  };
  const namesOf = (keys: Iterable<string>): string[] =>
    [...keys].map(name).filter((one) => one !== undefined);
  const columns = output.columns.map((column): OutputColumn => ({
    name: column.name,
    from: namesOf(column.trace.columns),
    ...(column.trace.unknown === undefined ? {} : { unknown: column.trace.unknown }),
  }));
  const unknown = findings.incomplete !== undefined || findings.columnsUnknown !== undefined;
  return {
    relations: touched(resolving),
    columnsRead: namesOf(findings.columnsRead),
    columnsWritten: namesOf(findings.columnsWritten),
    output: output.open === undefined ? columns : null,
    personalData: unknown ? null : personal(resolving),
    userFunctions: [...findings.userFunctions],
    plannedCode: plannedCode(resolving),
    uncounted: [...findings.uncounted],
    missing: [...findings.missing],
  };
}

function touched(resolving: Resolving): TouchedRelation[] {
  const { read, written, named } = resolving.findings;
  return [...new Map([...read, ...written]).values()].map((relation) => ({
    oid: relation.oid,
    name: nameOf(relation),
    kind: relation.kind,
    read: read.has(relation.oid),
    written: written.has(relation.oid),
    named: named.has(relation.oid),
  }));
}

function plannedCode(resolving: Resolving): string[] {
  const { catalog } = resolving.names;
  const { read, written } = resolving.findings;
  const found = new Set<string>();
  for (const oid of [...read.keys(), ...written.keys()]) {
    for (const { function: called } of catalog.code.get(oid) ?? []) {
      const one = catalog.functions.get(called);
      if (one !== undefined && compiledIsHarmless(one) !== true) found.add(joinName([one.schema, one.name]));
    }
  }
  return [...found];
}

function personal(resolving: Resolving): string[] {
  const { columnsRead, columnsWritten } = resolving.findings;
  const found = new Set<string>();
  for (const key of [...columnsRead, ...columnsWritten]) {
    const one = columnOf(resolving, key);
    if (one === undefined || one.relation.isSystem) continue;
    if (personalColumns(one.relation.columns).has(one.column.name))
      found.add(joinName([one.relation.schema, one.relation.name, one.column.name]));
  }
  return [...found];
}
