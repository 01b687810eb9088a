import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { Policy, Verdict } from '#libs/policy/policy.js';
import type { SqlAnalyzer } from '#libs/sql/analysis.js';
import { CommandError } from '../command-error.js';
import type { Terminal } from '../terminal.js';
import { findSubject } from './find-subject.js';
import { findTarget } from './find-target.js';
import type { PolicyCase, PolicyCases } from './policy-cases.js';

export interface CaseResult {
  readonly name: string;
  readonly ok: boolean;
  readonly got?: { readonly effect: string; readonly rule: string; readonly reason: string };
  /** What differs; absent where the case holds. */
  readonly why?: string;
}

/** Judges one case by the text alone, without a target. */
export async function runCase(
  policy: Policy,
  all: PolicyCases,
  each: PolicyCase,
  index: number,
  analyzer: SqlAnalyzer,
  terminal: Terminal,
): Promise<CaseResult> {
  const name = each.name ?? `${index + 1}: ${each.sql}`;
  const identity = await identityOf(each.identity ?? all.identity, all, terminal);
  const target = await targetOf(each.target ?? all.target, all, terminal);
  const result = await analyzer.analyze(each.sql);
  if (!result.ok) {
    const got = { effect: 'deny', rule: 'unreadable', reason: result.message };
    const why = differences(each, { ...got, effect: 'deny', reviewers: [] });
    return why === undefined ? { name, ok: true, got } : { name, ok: false, got, why };
  }
  const now = each.at === undefined ? terminal.now() : Date.parse(each.at);
  if (Number.isNaN(now)) throw new CommandError(`${name}: at: must be a time such as 2026-11-21T23:30:00Z`);
  const verdict = policy.judge({
    analysis: result.analysis,
    identity,
    target,
    session: {
      applicationName: each.applicationName ?? '',
      clientAddress: each.clientAddress ?? '',
      insideTransaction: each.insideTransaction ?? false,
    },
    now,
  });
  const { effect, rule, reason } = verdict;
  const why = differences(each, verdict);
  const got = { effect, rule, reason };
  return why === undefined ? { name, ok: true, got } : { name, ok: false, got, why };
}

function differences({ expect }: PolicyCase, verdict: Verdict): string | undefined {
  const found = Object.entries(expect)
    .map(([key, wanted]) => [key, wanted, verdict[key as keyof Verdict]] as const)
    .filter(([, wanted, got]) => wanted !== undefined && !isDeepStrictEqual(wanted, got))
    .map(
      ([key, wanted, got]) =>
        `${key}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got) ?? 'none'}`,
    );
  return found.length === 0 ? undefined : found.join('; ');
}

async function identityOf(name: string | undefined, all: PolicyCases, terminal: Terminal): Promise<Identity> {
  if (name === undefined) throw new CommandError('a case names no identity, and the file has none for all');
  const given = all.identities[name];
  if (given === undefined) return findSubject(terminal, name, {});
  const { onBehalfOf, ...rest } = given;
  return {
    name,
    issuer: 'test',
    subject: name,
    ...rest,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
}

async function targetOf(name: string | undefined, all: PolicyCases, terminal: Terminal): Promise<Target> {
  const given = name === undefined ? undefined : all.targets[name];
  if (name === undefined || given === undefined)
    return (await findTarget(terminal, { name, environment: undefined })).target;
  return { name, kind: 'postgres', environment: given.environment, database: given.database ?? name };
}
