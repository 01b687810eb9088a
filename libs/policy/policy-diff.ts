import { parse } from 'yaml';
import { changedLines } from './changed-lines.js';

export interface PolicyChanges {
  /** Ids of rules. */
  readonly added: string[];
  readonly removed: string[];
  readonly changed: string[];
  /** Keys beside the rules. */
  readonly settings: string[];
  /** The changed lines, `-` before the old and `+` before the new. */
  readonly lines: string;
}

/** What an event can carry of it (policyDiffSchema). */
const MAX_LINES_CHARACTERS = 65_000;

type Plain = Readonly<Record<string, unknown>>;

/** What one policy's text changes against another's; both must have been loaded as policies before. */
export function diffPolicies(before: string, after: string): PolicyChanges {
  const [old, now] = [plainOf(before), plainOf(after)];
  const [oldRules, rules] = [rulesOf(old), rulesOf(now)];
  const settings = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (key) => key !== 'rules' && !same(old[key], now[key]),
  );
  return {
    added: [...rules.keys()].filter((id) => !oldRules.has(id)),
    removed: [...oldRules.keys()].filter((id) => !rules.has(id)),
    changed: [...rules.keys()].filter((id) => oldRules.has(id) && !same(oldRules.get(id), rules.get(id))),
    settings,
    lines: cut(changedLines(before.split('\n'), after.split('\n')).join('\n')),
  };
}

const plainOf = (text: string): Plain => (parse(text) ?? {}) as Plain;

const rulesOf = ({ rules }: Plain): Map<string, unknown> =>
  new Map(((rules ?? []) as { readonly id: string }[]).map((rule) => [rule.id, rule]));

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const cut = (lines: string): string =>
  lines.length <= MAX_LINES_CHARACTERS ? lines : `${lines.slice(0, MAX_LINES_CHARACTERS)}\n… (cut)`;
