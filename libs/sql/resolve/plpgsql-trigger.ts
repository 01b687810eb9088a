import { fieldsOf, listOf, textOf, type Fields } from '../syntax-tree.js';

/** What a trigger function in PL/pgSQL runs, as SQL texts. */
export interface TriggerBody {
  /** Queries that stand for its expressions. */
  readonly expressions: readonly string[];
  readonly statements: readonly string[];
}

/** Names that every trigger function has, whether it declares something or not. */
export const TRIGGER_VARIABLES: ReadonlySet<string> = new Set(
  `new old tg_name tg_when tg_level tg_op tg_relid tg_relname tg_table_name tg_table_schema tg_nargs tg_argv
  found`.split(/\s+/),
);

/** NEW.column := expression, the column a plain identifier. */
const ASSIGNMENT = /^\s*new\s*\.\s*(?:[a-z_][\w$]*|"(?:[^"]|"")+")\s*:?=([\s\S]+)$/i;

/** Something that is not of the class that is understood. */
class Beyond extends Error {}

/**
 * Reads libpg-query's tree of a trigger function that does nothing but assign to columns of NEW, branch
 * by IF, RAISE, run statements that stand in it as they are, and return NEW, OLD or NULL. undefined for
 * any other: whatever is not listed here, a node or a field of one, is not understood.
 */
export function readTrigger(tree: unknown): TriggerBody | undefined {
  const body = { expressions: [] as string[], statements: [] as string[] };
  try {
    const functions = listOf(onlyFields(tree, ['plpgsql_funcs'])['plpgsql_funcs']);
    if (functions.length !== 1) throw new Beyond();
    const fields = node(functions[0], 'PLpgSQL_function', ['new_varno', 'old_varno', 'datums', 'action']);
    const columnsOfNew = readVariables(listOf(fields['datums']));
    readStatement(fields['action'], { body, columnsOfNew });
    return body;
  } catch (error) {
    if (error instanceof Beyond) return undefined;
    throw error;
  }
}

interface Reading {
  readonly body: { readonly expressions: string[]; readonly statements: string[] };
  /** The numbers by which the tree refers to columns of NEW. */
  readonly columnsOfNew: ReadonlySet<number>;
}

/** Refuses whatever the function declares itself. */
function readVariables(datums: readonly unknown[]): ReadonlySet<number> {
  const columnsOfNew = new Set<number>();
  const seen = new Set<string>();
  datums.forEach((datum, index) => {
    const [type = ''] = Object.keys(fieldsOf(datum) ?? {});
    switch (type) {
      case 'PLpgSQL_recfield':
        if (node(datum, type, ['fieldname', 'recparentno'])['recparentno'] === undefined)
          columnsOfNew.add(index);
        return;
      case 'PLpgSQL_rec':
      case 'PLpgSQL_var': {
        const name = textOf(node(datum, type, ['refname', 'dno', 'datatype'])['refname']) ?? '';
        if (!TRIGGER_VARIABLES.has(name) || seen.has(name)) throw new Beyond();
        seen.add(name);
        return;
      }
      default:
        throw new Beyond();
    }
  });
  return columnsOfNew;
}

function readStatement(value: unknown, reading: Reading): void {
  const [type = ''] = Object.keys(fieldsOf(value) ?? {});
  const all = (list: unknown): void => listOf(list).forEach((each) => readStatement(each, reading));
  const { expressions, statements } = reading.body;
  switch (type) {
    case 'PLpgSQL_stmt_block':
      return all(node(value, type, ['lineno', 'body'])['body']);
    case 'PLpgSQL_stmt_if': {
      const fields = node(value, type, ['lineno', 'cond', 'then_body', 'elsif_list', 'else_body']);
      expressions.push(`SELECT ${queryOf(fields['cond'])}`);
      all(fields['then_body']);
      for (const arm of listOf(fields['elsif_list'])) {
        const { cond, stmts } = node(arm, 'PLpgSQL_if_elsif', ['lineno', 'cond', 'stmts']);
        expressions.push(`SELECT ${queryOf(cond)}`);
        all(stmts);
      }
      return all(fields['else_body']);
    }
    case 'PLpgSQL_stmt_assign': {
      const { varno, expr } = node(value, type, ['lineno', 'varno', 'expr']);
      const assigned = ASSIGNMENT.exec(queryOf(expr))?.[1];
      if (typeof varno !== 'number' || !reading.columnsOfNew.has(varno) || assigned === undefined)
        throw new Beyond();
      expressions.push(`SELECT ${assigned}`);
      return;
    }
    case 'PLpgSQL_stmt_raise': {
      const known = ['lineno', 'elog_level', 'condname', 'message', 'params'];
      for (const parameter of listOf(node(value, type, known)['params']))
        expressions.push(`SELECT ${queryOf(parameter)}`);
      return;
    }
    case 'PLpgSQL_stmt_execsql':
      statements.push(queryOf(node(value, type, ['lineno', 'sqlstmt'])['sqlstmt']));
      return;
    case 'PLpgSQL_stmt_return': {
      const { retvarno, expr } = node(value, type, ['lineno', 'retvarno', 'expr']);
      const isNull = expr === undefined || /^\s*null\s*$/i.test(queryOf(expr));
      // 0 is NEW and 1 is OLD.
      if (!isNull || (retvarno !== undefined && retvarno !== 0 && retvarno !== 1)) throw new Beyond();
      return;
    }
    default:
      throw new Beyond();
  }
}

function queryOf(expression: unknown): string {
  const text = textOf(node(expression, 'PLpgSQL_expr', ['query', 'parseMode'])['query']);
  if (text === undefined) throw new Beyond();
  return text;
}

function node(value: unknown, type: string, known: readonly string[]): Fields {
  return onlyFields(onlyFields(value, [type])[type], known);
}

function onlyFields(value: unknown, known: readonly string[]): Fields {
  const fields = fieldsOf(value);
  if (fields === undefined || Object.keys(fields).some((name) => !known.includes(name))) throw new Beyond();
  return fields;
}
