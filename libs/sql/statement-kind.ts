import type { StatementCategory } from '#libs/contracts/events/statement-events.js';
import { objectName } from './object-names.js';
import { fieldsOf, listOf, textOf, type Fields, type TypedNode } from './syntax-tree.js';

export interface StatementKind {
  readonly kind: string;
  readonly category: StatementCategory;
}

type Namer = (fields: Fields) => string | undefined;

const TRANSACTIONS: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'BEGIN',
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_COMMIT: 'COMMIT',
  TRANS_STMT_ROLLBACK: 'ROLLBACK',
  TRANS_STMT_SAVEPOINT: 'SAVEPOINT',
  TRANS_STMT_RELEASE: 'RELEASE SAVEPOINT',
  TRANS_STMT_ROLLBACK_TO: 'ROLLBACK TO SAVEPOINT',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
  TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED',
  TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
};

const verb =
  (action: string, field: string): Namer =>
  (fields) => {
    const name = objectName(fields[field]);
    return name === undefined ? undefined : `${action} ${name}`;
  };

/** The leftmost arm of a set operation is where the grammar puts INTO. */
export function intoClauseOf(select: Fields): Fields | undefined {
  for (let arm: Fields | undefined = select; arm !== undefined; arm = fieldsOf(arm['larg'])) {
    const into = fieldsOf(arm['intoClause']);
    if (into !== undefined) return into;
  }
  return undefined;
}

/** RENAME of a column or constraint alters what it belongs to. */
function renameKind(fields: Fields): string | undefined {
  const renamed = fields['renameType'];
  if (renamed === 'OBJECT_TABCONSTRAINT') return 'ALTER TABLE';
  if (renamed === 'OBJECT_COLUMN') return verb('ALTER', 'relationType')(fields);
  return verb('ALTER', 'renameType')(fields);
}

function variableKind(fields: Fields): string {
  const name = (textOf(fields['name']) ?? '').toLowerCase();
  if (name === 'role') return 'SET ROLE';
  if (name === 'session_authorization') return 'SET SESSION AUTHORIZATION';
  if (fields['kind'] === 'VAR_SET_MULTI') return 'SET TRANSACTION';
  if (fields['kind'] === 'VAR_RESET' || fields['kind'] === 'VAR_RESET_ALL') return 'RESET';
  return 'SET';
}

const fixed =
  (kind: string): Namer =>
  () =>
    kind;

/** For each statement node of PostgreSQL 18's grammar: its command as documented, and its category. */
const STATEMENTS: Readonly<Record<string, readonly [StatementCategory, Namer]>> = {
  SelectStmt: [
    'read',
    (fields) =>
      intoClauseOf(fields) !== undefined
        ? 'SELECT INTO'
        : listOf(fields['valuesLists']).length > 0
          ? 'VALUES'
          : 'SELECT',
  ],
  InsertStmt: ['write', fixed('INSERT')],
  UpdateStmt: ['write', fixed('UPDATE')],
  DeleteStmt: ['write', fixed('DELETE')],
  MergeStmt: ['write', fixed('MERGE')],
  TruncateStmt: ['write', fixed('TRUNCATE')],
  CopyStmt: ['write', fixed('COPY')],

  TransactionStmt: ['transaction', (fields) => TRANSACTIONS[String(fields['kind'])]],
  ConstraintsSetStmt: ['transaction', fixed('SET CONSTRAINTS')],

  VariableSetStmt: ['session', variableKind],
  VariableShowStmt: ['session', fixed('SHOW')],
  DiscardStmt: ['session', fixed('DISCARD')],
  DeallocateStmt: ['session', fixed('DEALLOCATE')],
  ClosePortalStmt: ['session', fixed('CLOSE')],
  ListenStmt: ['session', fixed('LISTEN')],
  UnlistenStmt: ['session', fixed('UNLISTEN')],
  NotifyStmt: ['session', fixed('NOTIFY')],
  // What these run is judged as what they stand for: see resolve-reference.ts.
  PrepareStmt: ['read', fixed('PREPARE')],
  DeclareCursorStmt: ['read', fixed('DECLARE')],
  ExecuteStmt: ['code', fixed('EXECUTE')],
  FetchStmt: ['code', (fields) => (fields['ismove'] === true ? 'MOVE' : 'FETCH')],

  ExplainStmt: ['read', fixed('EXPLAIN')],
  LockStmt: ['utility', fixed('LOCK')],
  VacuumStmt: ['utility', (fields) => (fields['is_vacuumcmd'] === true ? 'VACUUM' : 'ANALYZE')],
  ClusterStmt: ['utility', fixed('CLUSTER')],
  ReindexStmt: ['utility', fixed('REINDEX')],
  CheckPointStmt: ['utility', fixed('CHECKPOINT')],
  AlterSystemStmt: ['utility', fixed('ALTER SYSTEM')],

  DoStmt: ['code', fixed('DO')],
  CallStmt: ['code', fixed('CALL')],
  LoadStmt: ['code', fixed('LOAD')],

  GrantStmt: ['dcl', (fields) => (fields['is_grant'] === true ? 'GRANT' : 'REVOKE')],
  GrantRoleStmt: ['dcl', (fields) => (fields['is_grant'] === true ? 'GRANT' : 'REVOKE')],
  AlterDefaultPrivilegesStmt: ['dcl', fixed('ALTER DEFAULT PRIVILEGES')],
  // USER and GROUP are spellings of ROLE; one name, so that a rule meets all of them.
  CreateRoleStmt: ['dcl', fixed('CREATE ROLE')],
  AlterRoleStmt: ['dcl', fixed('ALTER ROLE')],
  AlterRoleSetStmt: ['dcl', fixed('ALTER ROLE')],
  DropRoleStmt: ['dcl', fixed('DROP ROLE')],
  DropOwnedStmt: ['dcl', fixed('DROP OWNED')],
  ReassignOwnedStmt: ['dcl', fixed('REASSIGN OWNED')],
  SecLabelStmt: ['dcl', fixed('SECURITY LABEL')],

  CreateStmt: ['ddl', fixed('CREATE TABLE')],
  CreateTableAsStmt: [
    'ddl',
    (fields) => (fields['objtype'] === 'OBJECT_MATVIEW' ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS'),
  ],
  CreateForeignTableStmt: ['ddl', fixed('CREATE FOREIGN TABLE')],
  ImportForeignSchemaStmt: ['ddl', fixed('IMPORT FOREIGN SCHEMA')],
  ViewStmt: ['ddl', fixed('CREATE VIEW')],
  RefreshMatViewStmt: ['ddl', fixed('REFRESH MATERIALIZED VIEW')],
  IndexStmt: ['ddl', fixed('CREATE INDEX')],
  CreateStatsStmt: ['ddl', fixed('CREATE STATISTICS')],
  CreateSeqStmt: ['ddl', fixed('CREATE SEQUENCE')],
  CreateSchemaStmt: ['ddl', fixed('CREATE SCHEMA')],
  CreatedbStmt: ['ddl', fixed('CREATE DATABASE')],
  CreateTableSpaceStmt: ['ddl', fixed('CREATE TABLESPACE')],
  CreateDomainStmt: ['ddl', fixed('CREATE DOMAIN')],
  CompositeTypeStmt: ['ddl', fixed('CREATE TYPE')],
  CreateEnumStmt: ['ddl', fixed('CREATE TYPE')],
  CreateRangeStmt: ['ddl', fixed('CREATE TYPE')],
  DefineStmt: ['ddl', verb('CREATE', 'kind')],
  CreateOpClassStmt: ['ddl', fixed('CREATE OPERATOR CLASS')],
  CreateOpFamilyStmt: ['ddl', fixed('CREATE OPERATOR FAMILY')],
  CreateCastStmt: ['ddl', fixed('CREATE CAST')],
  CreateTransformStmt: ['ddl', fixed('CREATE TRANSFORM')],
  CreateConversionStmt: ['ddl', fixed('CREATE CONVERSION')],
  CreateFunctionStmt: [
    'ddl',
    (fields) => (fields['is_procedure'] === true ? 'CREATE PROCEDURE' : 'CREATE FUNCTION'),
  ],
  CreatePLangStmt: ['ddl', fixed('CREATE LANGUAGE')],
  CreateTrigStmt: ['ddl', fixed('CREATE TRIGGER')],
  CreateEventTrigStmt: ['ddl', fixed('CREATE EVENT TRIGGER')],
  RuleStmt: ['ddl', fixed('CREATE RULE')],
  CreatePolicyStmt: ['ddl', fixed('CREATE POLICY')],
  CreateExtensionStmt: ['ddl', fixed('CREATE EXTENSION')],
  CreateAmStmt: ['ddl', fixed('CREATE ACCESS METHOD')],
  CreateFdwStmt: ['ddl', fixed('CREATE FOREIGN DATA WRAPPER')],
  CreateForeignServerStmt: ['ddl', fixed('CREATE SERVER')],
  CreateUserMappingStmt: ['ddl', fixed('CREATE USER MAPPING')],
  CreatePublicationStmt: ['ddl', fixed('CREATE PUBLICATION')],
  CreateSubscriptionStmt: ['ddl', fixed('CREATE SUBSCRIPTION')],
  CommentStmt: ['ddl', fixed('COMMENT')],

  AlterTableStmt: ['ddl', verb('ALTER', 'objtype')],
  AlterTableMoveAllStmt: ['ddl', verb('ALTER', 'objtype')],
  RenameStmt: ['ddl', renameKind],
  AlterObjectSchemaStmt: ['ddl', verb('ALTER', 'objectType')],
  AlterObjectDependsStmt: ['ddl', verb('ALTER', 'objectType')],
  AlterOwnerStmt: ['ddl', verb('ALTER', 'objectType')],
  AlterFunctionStmt: ['ddl', verb('ALTER', 'objtype')],
  AlterSeqStmt: ['ddl', fixed('ALTER SEQUENCE')],
  AlterStatsStmt: ['ddl', fixed('ALTER STATISTICS')],
  AlterCollationStmt: ['ddl', fixed('ALTER COLLATION')],
  AlterDatabaseStmt: ['ddl', fixed('ALTER DATABASE')],
  AlterDatabaseSetStmt: ['ddl', fixed('ALTER DATABASE')],
  AlterDatabaseRefreshCollStmt: ['ddl', fixed('ALTER DATABASE')],
  AlterTableSpaceOptionsStmt: ['ddl', fixed('ALTER TABLESPACE')],
  AlterDomainStmt: ['ddl', fixed('ALTER DOMAIN')],
  AlterEnumStmt: ['ddl', fixed('ALTER TYPE')],
  AlterTypeStmt: ['ddl', fixed('ALTER TYPE')],
  AlterOperatorStmt: ['ddl', fixed('ALTER OPERATOR')],
  AlterOpFamilyStmt: ['ddl', fixed('ALTER OPERATOR FAMILY')],
  AlterEventTrigStmt: ['ddl', fixed('ALTER EVENT TRIGGER')],
  AlterPolicyStmt: ['ddl', fixed('ALTER POLICY')],
  AlterExtensionStmt: ['ddl', fixed('ALTER EXTENSION')],
  AlterExtensionContentsStmt: ['ddl', fixed('ALTER EXTENSION')],
  AlterFdwStmt: ['ddl', fixed('ALTER FOREIGN DATA WRAPPER')],
  AlterForeignServerStmt: ['ddl', fixed('ALTER SERVER')],
  AlterUserMappingStmt: ['ddl', fixed('ALTER USER MAPPING')],
  AlterPublicationStmt: ['ddl', fixed('ALTER PUBLICATION')],
  AlterSubscriptionStmt: ['ddl', fixed('ALTER SUBSCRIPTION')],
  AlterTSConfigurationStmt: ['ddl', fixed('ALTER TEXT SEARCH CONFIGURATION')],
  AlterTSDictionaryStmt: ['ddl', fixed('ALTER TEXT SEARCH DICTIONARY')],

  DropStmt: ['ddl', verb('DROP', 'removeType')],
  DropdbStmt: ['ddl', fixed('DROP DATABASE')],
  DropTableSpaceStmt: ['ddl', fixed('DROP TABLESPACE')],
  DropSubscriptionStmt: ['ddl', fixed('DROP SUBSCRIPTION')],
  DropUserMappingStmt: ['ddl', fixed('DROP USER MAPPING')],
};

export const isStatement = (type: string): boolean => Object.hasOwn(STATEMENTS, type);

/** The kind and category of a statement node; undefined for one this table does not know. */
export function statementKind(node: TypedNode): StatementKind | undefined {
  const entry = Object.hasOwn(STATEMENTS, node.type) ? STATEMENTS[node.type] : undefined;
  if (entry === undefined) return undefined;
  const [category, namer] = entry;
  const kind = namer(node.fields);
  if (kind === undefined) return undefined;
  if (kind === 'SELECT INTO') return { kind, category: 'ddl' };
  if (kind === 'COPY' && node.fields['is_from'] !== true) return { kind, category: 'read' };
  return { kind, category };
}

/** From harmless to grave: a statement takes the gravest category among what it contains. */
const GRAVITY: readonly StatementCategory[] = [
  'read',
  'transaction',
  'session',
  'utility',
  'write',
  'ddl',
  'dcl',
  'code',
];

export const gravest = (a: StatementCategory, b: StatementCategory): StatementCategory =>
  GRAVITY.indexOf(b) > GRAVITY.indexOf(a) ? b : a;
