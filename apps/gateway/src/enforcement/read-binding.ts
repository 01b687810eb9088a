import {
  BOUND_SETTINGS,
  bindingSchema,
  type Binding,
  type BoundObject,
  type BoundSetting,
  type BoundStatement,
} from '#libs/contracts/binding.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { MessageAnalysis } from '#libs/sql/analysis.js';
import { BINDING_QUERY } from './binding-query.js';
import type { SessionIdentity } from './session-identity.js';
import { partsOfName, quotedName, textArray } from './sql-names.js';

export type OwnQueryResult =
  | { readonly ok: true; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly ok: false; readonly response: Buffer | undefined };

/** Runs a query of ours on the session's own connection. */
export type AskTarget = (
  text: string,
  parameters: readonly string[],
  done: (result: OwnQueryResult) => void,
) => void;

export type BindingRead =
  | { readonly ok: true; readonly binding: Binding; readonly wait: 'hold' | 'retry' }
  /** `problem` is a line for the record; the SQLSTATE is the server's, 08006 where it gave none. */
  | { readonly ok: false; readonly sqlstate: string; readonly problem: string };

export interface BindingOf {
  readonly session: SessionIdentity;
  readonly protocol: Binding['protocol'];
  readonly bound: BoundStatement;
  readonly analysis: MessageAnalysis;
  readonly insideTransaction: boolean;
  /** As countersign.wait said when it was asked for; undefined: as it says now. */
  readonly wait?: 'hold' | 'retry' | undefined;
}

/** What these run or wait for happens outside what one transaction can keep as it was. */
const UNPINNED = /^(CALL|DO|VACUUM|CREATE INDEX CONCURRENTLY|DROP INDEX CONCURRENTLY|REINDEX)\b/;

/** What an approval of this statement binds, read from the server now. */
export function readBinding(of: BindingOf, ask: AskTarget, done: (read: BindingRead) => void): void {
  const unique = (pick: (one: MessageAnalysis['statements'][number]) => readonly string[]): string[] =>
    [...new Set(of.analysis.statements.flatMap(pick))].sort();
  const relations = unique((one) => [...one.reads, ...one.writes]);
  const functions = unique((one) => one.functions).map(partsOfName);
  ask(
    BINDING_QUERY,
    [
      textArray(relations.map(quotedName)),
      textArray(functions.map((parts) => parts.at(-2) ?? '')),
      textArray(functions.map((parts) => parts.at(-1) ?? '')),
    ],
    (result) => done(result.ok ? fromRows(of, result.rows) : fromError(result.response)),
  );
}

function fromError(response: Buffer | undefined): BindingRead {
  const fields = response === undefined ? undefined : readErrorFields(response);
  return {
    ok: false,
    sqlstate: fields?.get('C') ?? '08006',
    problem: 'what the approval binds could not be read from the target',
  };
}

function fromRows(of: BindingOf, rows: readonly (readonly (string | null)[])[]): BindingRead {
  const settings: Partial<Record<BoundSetting, string>> = {};
  const objects: BoundObject[] = [];
  let wait: 'hold' | 'retry' = 'hold';
  let ownTypes = 0;
  for (const [kind, oid, name, value] of rows) {
    if (kind === 'setting') settings[name as BoundSetting] = value ?? '';
    else if (kind === 'session') {
      ownTypes = Number(oid);
      wait = of.wait ?? (value?.toLowerCase() === 'retry' ? 'retry' : 'hold');
    }
    // Bound as absent: if it is there at release, that is another thing.
    else if (kind === 'missing')
      objects.push({ class: 'relation', oid: 0, name: name ?? '', definitionSha256: ABSENT });
    else
      objects.push({
        class: kind as 'relation' | 'function',
        oid: Number(oid),
        name: name ?? '',
        definitionSha256: value ?? '',
      });
  }
  const { session } = of;
  // Types of the session's own change what a text means and are not bound: then only this session may retry.
  const anySession = wait === 'retry' && ownTypes === 0;
  if (anySession && settings.search_path !== undefined)
    settings.search_path = settings.search_path.replace(/(?<=[{,])pg_temp_\d+(?:,|(?=\}))/, '');
  const parsed = bindingSchema.safeParse({
    tenant: session.tenant,
    gatewayId: session.gatewayId,
    target: session.target,
    requester: session.identity,
    ...(anySession ? {} : { sessionId: session.sessionId }),
    protocol: of.protocol,
    statements: [of.bound],
    objects,
    settings,
    insideTransaction: of.insideTransaction,
    unpinned: unpinned(of, settings),
  });
  const missing = BOUND_SETTINGS.find((name) => settings[name] === undefined);
  if (!parsed.success || missing !== undefined)
    return {
      ok: false,
      sqlstate: 'XX000',
      problem: `the target did not tell ${missing ?? 'what the approval binds'}`,
    };
  return { ok: true, binding: parsed.data, wait };
}

const ABSENT = sha256Hex(Buffer.alloc(0));

function unpinned(of: BindingOf, settings: Partial<Record<BoundSetting, string>>): string[] {
  const kinds = [...new Set(of.analysis.statements.flatMap((one) => one.kinds))].filter((kind) =>
    UNPINNED.test(kind),
  );
  const isolation = settings.transaction_isolation ?? '';
  return [
    ...kinds.map((kind) => `${kind}: what it names can change between the last check and its run`),
    ...(of.insideTransaction && /repeatable read|serializable/.test(isolation)
      ? [`a ${isolation} transaction sees the definitions as they were when it began`]
      : []),
  ];
}
