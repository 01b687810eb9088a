import type { LockMode } from '#libs/contracts/events/signals.js';
import { saysYes } from '../utility.js';
import { asType, listOf, type Fields, type TypedNode } from '../syntax-tree.js';

/**
 * The table-level lock a statement takes on what it writes (or, where it writes nothing, reads), by
 * PostgreSQL 18's documentation: chapter Explicit Locking, and the page of each command. Where the page
 * gives several, the strongest; undefined for what locks no table.
 */
export function lockModeOf({ type, fields }: TypedNode): LockMode | undefined {
  switch (type) {
    case 'SelectStmt':
      return listOf(fields['lockingClause']).length > 0 ? 'RowShareLock' : 'AccessShareLock';
    case 'CopyStmt':
      return fields['is_from'] === true ? 'RowExclusiveLock' : 'AccessShareLock';
    case 'LockStmt':
      return LOCK_STATEMENT[Number(fields['mode'] ?? 8) - 1] ?? 'AccessExclusiveLock';
    case 'VacuumStmt':
      return hasOption(fields, 'options', 'full') ? 'AccessExclusiveLock' : 'ShareUpdateExclusiveLock';
    case 'IndexStmt':
      return fields['concurrent'] === true ? 'ShareUpdateExclusiveLock' : 'ShareLock';
    case 'ReindexStmt':
      return hasOption(fields, 'params', 'concurrently') ? 'ShareUpdateExclusiveLock' : 'AccessExclusiveLock';
    case 'RefreshMatViewStmt':
      return fields['concurrent'] === true ? 'ExclusiveLock' : 'AccessExclusiveLock';
    case 'DropStmt':
      return fields['concurrent'] === true ? 'ShareUpdateExclusiveLock' : 'AccessExclusiveLock';
    case 'AlterTableStmt':
      return strongest(listOf(fields['cmds']).map((command) => alterLock(asType(command, 'AlterTableCmd'))));
    default:
      return BY_STATEMENT[type];
  }
}

const BY_STATEMENT: Readonly<Record<string, LockMode>> = {
  InsertStmt: 'RowExclusiveLock',
  UpdateStmt: 'RowExclusiveLock',
  DeleteStmt: 'RowExclusiveLock',
  MergeStmt: 'RowExclusiveLock',
  TruncateStmt: 'AccessExclusiveLock',
  ClusterStmt: 'AccessExclusiveLock',
  CreateTrigStmt: 'ShareRowExclusiveLock',
  RuleStmt: 'AccessExclusiveLock',
  CreatePolicyStmt: 'AccessExclusiveLock',
  AlterPolicyStmt: 'AccessExclusiveLock',
  CreateStatsStmt: 'ShareUpdateExclusiveLock',
  CommentStmt: 'ShareUpdateExclusiveLock',
  RenameStmt: 'AccessExclusiveLock',
  AlterObjectSchemaStmt: 'AccessExclusiveLock',
  AlterOwnerStmt: 'AccessExclusiveLock',
};

/** Weakest first, as LOCK TABLE numbers them from 1. */
const LOCK_STATEMENT: readonly LockMode[] = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

/** Subcommands of ALTER TABLE with a lock weaker than ACCESS EXCLUSIVE. */
const ALTER_TABLE: Readonly<Record<string, LockMode>> = {
  AT_SetStatistics: 'ShareUpdateExclusiveLock',
  AT_SetOptions: 'ShareUpdateExclusiveLock',
  AT_ResetOptions: 'ShareUpdateExclusiveLock',
  AT_ValidateConstraint: 'ShareUpdateExclusiveLock',
  AT_ClusterOn: 'ShareUpdateExclusiveLock',
  AT_DropCluster: 'ShareUpdateExclusiveLock',
  AT_AttachPartition: 'ShareUpdateExclusiveLock',
  AT_EnableTrig: 'ShareRowExclusiveLock',
  AT_EnableTrigAll: 'ShareRowExclusiveLock',
  AT_EnableTrigUser: 'ShareRowExclusiveLock',
  AT_DisableTrig: 'ShareRowExclusiveLock',
  AT_DisableTrigAll: 'ShareRowExclusiveLock',
  AT_DisableTrigUser: 'ShareRowExclusiveLock',
};

function alterLock(command: Fields | undefined): LockMode {
  const subtype = String(command?.['subtype']);
  if (subtype === 'AT_AddConstraint') {
    const kind = asType(command?.['def'], 'Constraint')?.['contype'];
    return kind === 'CONSTR_FOREIGN' ? 'ShareRowExclusiveLock' : 'AccessExclusiveLock';
  }
  return ALTER_TABLE[subtype] ?? 'AccessExclusiveLock';
}

const strongest = (modes: readonly LockMode[]): LockMode | undefined =>
  LOCK_STATEMENT[Math.max(-1, ...modes.map((mode) => LOCK_STATEMENT.indexOf(mode)))];

const hasOption = (fields: Fields, list: string, name: string): boolean =>
  listOf(fields[list]).some((option) => {
    const given = asType(option, 'DefElem');
    return given?.['defname'] === name && saysYes(given);
  });
