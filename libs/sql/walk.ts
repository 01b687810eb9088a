import { selectForUpdateIsBounded, writeIsBounded } from './bounded.js';
import type { Collector } from './collector.js';
import { isKnownNode } from './known-nodes.js';
import { EMPTY_SCOPE, scopeOf, type Scope } from './scope.js';
import { isStatement, statementKind } from './statement-kind.js';
import { noteUtility, type Use } from './utility.js';
import {
  asNode,
  fieldsOf,
  listOf,
  literalText,
  relationName,
  stringOf,
  stringsOf,
  textOf,
  type Fields,
  type TypedNode,
} from './syntax-tree.js';

const QUERIES: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

/** Walks everything below a statement. Recursive: the caller turns a RangeError into a refusal. */
export class Walker {
  constructor(private readonly found: Collector) {}

  /** The fields of a statement whose own kind the caller has noted. */
  statement(node: TypedNode, scope: Scope = EMPTY_SCOPE): void {
    if (QUERIES.has(node.type)) this.query(node, scope);
    else {
      const { use, skip } = noteUtility(node, this.found);
      this.children(node.fields, scope, use, skip);
    }
  }

  private value(value: unknown, scope: Scope, use: Use): void {
    if (Array.isArray(value)) {
      for (const item of value) this.value(item, scope, use);
      return;
    }
    const node = asNode(value);
    if (node !== undefined) return this.node(node, scope, use);
    const fields = fieldsOf(value);
    if (fields !== undefined) this.bare(fields, scope, use);
  }

  private children(fields: Fields, scope: Scope, use: Use, except?: ReadonlySet<string>): void {
    for (const name in fields) {
      if (except?.has(name) !== true) this.value(fields[name], scope, use);
    }
  }

  /** A node whose type its field implies. Those that matter are told by the fields that only they have. */
  private bare(fields: Fields, scope: Scope, use: Use): void {
    if (fields['relname'] !== undefined) return this.relation(fields, scope, use);
    if (fields['funcname'] !== undefined && fields['funcformat'] !== undefined) {
      return this.functionCall(fields, scope, use);
    }
    if (fields['limitOption'] !== undefined && fields['op'] !== undefined) {
      return this.query({ type: 'SelectStmt', fields }, scope);
    }
    this.children(fields, scope, use);
  }

  private node(node: TypedNode, scope: Scope, use: Use): void {
    switch (node.type) {
      case 'RangeVar':
        return this.relation(node.fields, scope, use);
      case 'FuncCall':
        return this.functionCall(node.fields, scope, use);
      case 'ColumnRef': {
        // t.f is f(t) where t has no such column.
        const parts = listOf(node.fields['fields']);
        const last = stringOf(parts.at(-1));
        if (parts.length > 1 && last !== undefined) this.found.mayCall([last]);
        return;
      }
      case 'A_Indirection':
        for (const step of listOf(node.fields['indirection'])) {
          const name = stringOf(step);
          if (name !== undefined) this.found.mayCall([name]);
        }
        return this.children(node.fields, scope, use);
      case 'Constraint':
        // The table a foreign key points at is looked at, not changed.
        this.value(node.fields['pktable'], scope, 'read');
        return this.children(node.fields, scope, use, new Set(['pktable']));
      default:
        if (isStatement(node.type)) return this.contained(node, scope);
        if (!isKnownNode(node.type)) this.found.cannotTell(`the analysis does not know ${node.type}`);
        return this.children(node.fields, scope, use);
    }
  }

  /** A statement inside another: a reading query adds nothing to the kinds, everything else does. */
  private contained(node: TypedNode, scope: Scope): void {
    const kind = statementKind(node);
    if (kind === undefined) this.found.cannotTell(`the analysis does not know this ${node.type}`);
    else if (kind.kind !== 'SELECT' && kind.kind !== 'VALUES') this.found.contains(kind.kind, kind.category);
    this.statement(node, scope);
  }

  private query(node: TypedNode, outer: Scope): void {
    const { fields } = node;
    const { inner, expressions } = scopeOf(fields, outer);
    for (const { expression, scope } of expressions) this.children(expression, scope, 'read');
    const target = fieldsOf(fields['relation']);
    if (target !== undefined && node.type !== 'SelectStmt') {
      const name = relationName(target);
      this.found.writes.add(name);
      // All but a plain INSERT look at the rows that are there.
      if (node.type !== 'InsertStmt' || fields['onConflictClause'] !== undefined) this.found.reads.add(name);
      if (!writeIsBounded(node, inner)) this.found.bounded = false;
    }
    if (node.type === 'SelectStmt' && listOf(fields['lockingClause']).length > 0) {
      this.found.traits.add('row-lock');
      this.found.contains('SELECT', 'write');
      if (!selectForUpdateIsBounded(fields, inner)) this.found.bounded = false;
    }
    const into = fieldsOf(fieldsOf(fields['intoClause'])?.['rel']);
    if (into !== undefined) this.found.writes.add(relationName(into));
    this.children(fields, inner, 'read', new Set(['withClause', 'relation', 'intoClause', 'lockingClause']));
  }

  private relation(fields: Fields, scope: Scope, use: Use): void {
    const bare = textOf(fields['relname']) ?? '';
    const qualified = fields['schemaname'] !== undefined || fields['catalogname'] !== undefined;
    if (use === 'read' && !qualified && scope.has(bare)) return;
    (use === 'read' ? this.found.reads : this.found.writes).add(relationName(fields));
  }

  private functionCall(fields: Fields, scope: Scope, use: Use): void {
    const parts = stringsOf(fields['funcname']) ?? [];
    this.found.calls(parts);
    if (parts.at(-1) === 'set_config') this.setConfig(listOf(fields['args']));
    this.children(fields, scope, use, new Set(['funcname']));
  }

  private setConfig(given: readonly unknown[]): void {
    const name = literalText(given[0]);
    const value = literalText(given[1]);
    if (given.length !== 3 || name === undefined || value === undefined) {
      this.found.traits.add('computed-setting');
      this.found.sets('*', undefined);
      return;
    }
    this.found.sets(name, value);
    const folded = name.toLowerCase();
    const kind =
      folded === 'role'
        ? 'SET ROLE'
        : folded === 'session_authorization'
          ? 'SET SESSION AUTHORIZATION'
          : 'SET';
    this.found.contains(kind, 'session');
  }
}
