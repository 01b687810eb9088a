/**
 * Every node below a statement that PostgreSQL 18's raw grammar can produce. A node outside this list is
 * walked all the same, but the statement is incomplete: what it means to the analysis is unknown.
 */
const KNOWN: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star AccessPriv Alias AlterTableCmd ATAlterConstraint
  BitString Boolean BooleanTest BoolExpr CaseExpr CaseWhen CoalesceExpr CollateClause ColumnDef ColumnRef
  CommonTableExpr Constraint CreateOpClassItem CTECycleClause CTESearchClause CurrentOfExpr DefElem Float
  FuncCall FunctionParameter GroupingFunc GroupingSet IndexElem InferClause Integer IntoClause JoinExpr
  JsonAggConstructor JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior
  JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput
  JsonParseExpr JsonReturning JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec
  JsonValueExpr List LockingClause MergeSupportFunc MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr
  NullTest ObjectWithArgs OnConflictClause ParamRef PartitionBoundSpec PartitionCmd PartitionElem
  PartitionRangeDatum PartitionSpec PLAssignStmt PublicationObjSpec PublicationTable RangeFunction
  RangeSubselect RangeTableFunc RangeTableFuncCol RangeTableSample RangeVar ReplicaIdentityStmt ResTarget
  ReturningClause ReturningOption ReturnStmt RoleSpec RowExpr SetToDefault SortBy SQLValueFunction
  StatsElem String SubLink TableLikeClause TriggerTransition TypeCast TypeName VacuumRelation WindowDef
  WithClause XmlExpr XmlSerialize`.split(/\s+/),
);

export const isKnownNode = (type: string): boolean => KNOWN.has(type);
