import { SessionRefused } from './refusal.js';

/** What a client may set at the start; everything else is refused by name, never ignored. */
const FORWARDED = new Set([
  'bytea_output',
  'client_encoding',
  'client_min_messages',
  'countersign.wait',
  'datestyle',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'extra_float_digits',
  'geqo',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'jit',
  'lock_timeout',
  'plan_cache_mode',
  'search_path',
  'standard_conforming_strings',
  'statement_timeout',
  'timezone',
  'transaction_timeout',
  'work_mem',
]);

export interface StartupParameters {
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  /** Names as the client wrote them, values untouched. */
  readonly forwarded: readonly (readonly [string, string])[];
  /** `_pq_.…`: options of the protocol, answered with NegotiateProtocolVersion. */
  readonly protocolOptions: readonly string[];
}

/** Sorts what the start-up packet holds. Throws SessionRefused for what is not allowed. */
export function readStartupParameters(parameters: ReadonlyMap<string, string>): StartupParameters {
  const user = parameters.get('user') ?? '';
  if (user === '') throw new SessionRefused('28000', 'no PostgreSQL user name specified in startup packet');
  const forwarded: [string, string][] = [];
  const protocolOptions: string[] = [];
  for (const [name, value] of parameters) {
    if (name === 'user' || name === 'database' || name === 'application_name') continue;
    if (name.startsWith('_pq_.')) protocolOptions.push(name);
    else if (name === 'replication') {
      if (!/^(false|off|no|0|f|n)$/i.test(value))
        throw new SessionRefused('0A000', 'replication connections do not pass the gateway');
    } else if (name === 'options') {
      checkOptions(value);
      if (value.trim() !== '') forwarded.push([name, value]);
    } else if (FORWARDED.has(name.toLowerCase())) forwarded.push([name, value]);
    else throw refusedParameter(name);
  }
  return {
    user,
    database: parameters.get('database') || user,
    applicationName: parameters.get('application_name') ?? '',
    forwarded,
    protocolOptions,
  };
}

const refusedParameter = (name: string): SessionRefused =>
  new SessionRefused(
    '0A000',
    `the startup parameter "${name.slice(0, 63)}" is not allowed through the gateway`,
    {
      hint: 'Set it after connecting, with SET.',
    },
  );

/** `options` may hold `-c name=value` and `--name=value` of the parameters above, and nothing else. */
function checkOptions(options: string): void {
  const words = splitOptions(options);
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const setting = word.startsWith('--')
      ? word.slice(2)
      : word === '-c'
        ? (words[(index += 1)] ?? '')
        : word.startsWith('-c')
          ? word.slice(2)
          : undefined;
    const name = setting === undefined ? undefined : /^([^=]+)=/.exec(setting)?.[1];
    if (name === undefined) throw refusedParameter(`options: ${word}`);
    const normal = name.replaceAll('-', '_').toLowerCase();
    if (!FORWARDED.has(normal)) throw refusedParameter(`options: ${name}`);
  }
}

/** As pg_split_opts does: words apart by white space, a backslash takes the next character as it is. */
function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < options.length; index += 1) {
    const character = options[index] as string;
    if (/[ \t\n\v\f\r]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '\\' && index + 1 < options.length) {
      index += 1;
      word = (word ?? '') + (options[index] as string);
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
