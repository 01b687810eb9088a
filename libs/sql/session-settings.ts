/**
 * Settings that change no meaning: not what a name resolves to, how a literal reads, who one is or what
 * may be seen. Everything else, known or not, makes the later statements of its message incomplete.
 */
const INERT: ReadonlySet<string> = new Set([
  'application_name',
  'bytea_output',
  'client_min_messages',
  'deadlock_timeout',
  'effective_cache_size',
  'extra_float_digits',
  'from_collapse_limit',
  'geqo',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'jit',
  'join_collapse_limit',
  'lock_timeout',
  'log_statement_stats',
  'maintenance_work_mem',
  'max_parallel_workers_per_gather',
  'plan_cache_mode',
  'random_page_cost',
  'seq_page_cost',
  'statement_timeout',
  'tcp_keepalives_count',
  'tcp_keepalives_idle',
  'tcp_keepalives_interval',
  'temp_buffers',
  'transaction_deferrable',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_timeout',
  'work_mem',
]);

export const isInertSetting = (name: string): boolean => INERT.has(name) || name.startsWith('enable_');

const ON = new Set(['on', 'true', 'yes', '1']);

/** Whether assigning this value leaves the setting as the gateway pins it for every session. */
export function keepsPin(name: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (name === 'client_encoding') return /^(utf-?8|unicode)$/i.test(value);
  if (name === 'standard_conforming_strings') return ON.has(value.toLowerCase());
  return false;
}
