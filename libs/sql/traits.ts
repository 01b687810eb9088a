/** What a statement does beyond its kind and its tables; policies test `'dynamic-sql' in statement.traits`. */
export const TRAITS = [
  /** Built-in or common extension functions that run SQL out of a string. */
  'dynamic-sql',
  /** Functions that read, write or list files of the server. */
  'server-file',
  /** Large objects by function. */
  'large-object',
  /** Raw pages of tables and indexes. */
  'page-inspection',
  /** The write-ahead log and replication slots. */
  'wal-inspection',
  /** Cancels or ends other sessions. */
  'backend-signal',
  /** Functions that act on the whole server: reload, promote, switch WAL, reset statistics. */
  'server-control',
  /** pg_notify: NOTIFY as a function. */
  'notify',
  /** set_config whose name or value is not a literal. */
  'computed-setting',
  'copy-program',
  'copy-file',
  /** SELECT … FOR UPDATE and the like. */
  'row-lock',
  /** CREATE or ALTER ROLE that gives superuser, createrole, createdb, replication or bypassrls. */
  'role-attribute',
  /** VACUUM FULL. */
  'table-rewrite',
  // What follows needs the catalog, and takes columns for personal data by their names and types.
  /** Puts personal data where nothing says that it is personal data. */
  'relocates-personal-data',
  /** A write whose result shows personal data. */
  'returns-personal-data',
  /** COPY of personal data to the client, a file or a program. */
  'copies-personal-data',
  /** Spreads a value that holds personal data into columns that the text names. */
  'reshapes-personal-data',
  /** A foreign key carries the write on to other tables. */
  'cascade',
  /** Shows what other sessions sent, samples of table contents, or secrets of the server. */
  'reveals',
] as const;

export type Trait = (typeof TRAITS)[number];

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** By bare name, in whatever schema: an extension may be installed anywhere, and a false alarm is a review. */
const EXACT: ReadonlyMap<string, Trait> = new Map(
  (
    [
      [
        'dynamic-sql',
        names(`query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
          table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
          schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
          ts_stat ts_rewrite connectby xpath_table xpath_nodeset xpath_list xpath_string xpath_number
          xpath_bool query_export_to_s3 table_import_from_s3 pg_background_launch`),
      ],
      ['large-object', names('loread lowrite')],
      [
        'server-file',
        names(`pg_stat_file pg_current_logfile pg_logdir_ls pg_hba_file_rules pg_ident_file_mappings
          pg_show_all_file_settings xslt_process`),
      ],
      [
        'page-inspection',
        names(`get_raw_page page_header page_checksum heap_page_items heap_page_item_attrs tuple_data_split
          heap_tuple_infomask_flags fsm_page_contents bt_metap bt_page_stats bt_multi_page_stats
          bt_page_items bt_index_check bt_index_parent_check gin_metapage_info gin_page_opaque_info
          gin_leafpage_items gin_index_check gist_page_opaque_info gist_page_items gist_page_items_bytea
          hash_page_type hash_page_stats hash_page_items hash_bitmap_info hash_metapage_info
          brin_page_type brin_metapage_info brin_revmap_data brin_page_items verify_heapam pgrowlocks
          pg_visibility pg_visibility_map pg_visibility_map_summary pg_check_frozen pg_check_visible
          pg_truncate_visibility_map heap_force_kill heap_force_freeze`),
      ],
      [
        'wal-inspection',
        names(`pg_create_logical_replication_slot pg_create_physical_replication_slot
          pg_copy_logical_replication_slot pg_copy_physical_replication_slot pg_drop_replication_slot
          pg_sync_replication_slots`),
      ],
      ['backend-signal', names('pg_terminate_backend pg_cancel_backend')],
      [
        'server-control',
        names(`pg_reload_conf pg_rotate_logfile pg_switch_wal pg_promote pg_backup_start pg_backup_stop
          pg_create_restore_point pg_log_backend_memory_contexts pg_import_system_collations
          pg_extension_config_dump pg_restore_relation_stats pg_restore_attribute_stats
          pg_clear_relation_stats pg_clear_attribute_stats binary_upgrade_set_next_pg_type_oid`),
      ],
      ['notify', names('pg_notify')],
    ] as const
  ).flatMap(([trait, functions]) => functions.map((name): [string, Trait] => [name, trait])),
);

const PATTERNS: readonly (readonly [RegExp, Trait])[] = [
  [/^(dblink|crosstab)/, 'dynamic-sql'],
  [/^lo_/, 'large-object'],
  [/^pg_(read|ls|file)_/, 'server-file'],
  [/^pg_(get_wal|logical|replication)_/, 'wal-inspection'],
  [/^pg_(wal_replay|stat_reset)/, 'server-control'],
];

/** Names too ordinary to be told without their schema. */
const IN_SCHEMA: ReadonlyMap<string, Trait> = new Map([
  ['cron.schedule', 'dynamic-sql'],
  ['cron.schedule_in_database', 'dynamic-sql'],
  ['cron.alter_job', 'dynamic-sql'],
  ['aws_lambda.invoke', 'dynamic-sql'],
]);

/** The trait that calling a function of this name (its parts, folded as the server folds) gives, if any. */
export function traitOfFunction(parts: readonly string[]): Trait | undefined {
  const name = parts.at(-1) ?? '';
  const exact = IN_SCHEMA.get(parts.slice(-2).join('.')) ?? EXACT.get(name);
  if (exact !== undefined) return exact;
  return PATTERNS.find(([pattern]) => pattern.test(name))?.[1];
}
