import { environment } from '../cel-environment.js';
import { loadPolicy, type PolicySource } from '../load-policy.js';
import { readPolicyDocument } from '../policy-document.js';
import type { RuleEffect, RuleSource } from '../rule-schema.js';
import type { Policy } from '../policy.js';
import { implies, termsOf, type Term } from './condition-terms.js';
import { approvalProblem, type Reviewer } from './who-can-approve.js';

export interface Finding {
  /** An error: what the rule says never happens as it says. A warning: it may be meant. */
  readonly level: 'error' | 'warning';
  readonly code: 'never-true' | 'shadowed' | 'redundant' | 'nobody-can-approve' | 'no-reserve';
  /** The rule's id; `default` for who signs where no rule matches, `policyChanges` for who signs the next policy. */
  readonly rule: string;
  readonly line: number;
  /** One line. */
  readonly reason: string;
}

export interface Lint {
  readonly policy: Policy;
  /** In the order of the file. */
  readonly findings: readonly Finding[];
}

/**
 * What is wrong with a policy that the services would take: rules that never decide, and rules nobody can
 * approve given these people (undefined: not looked at). Every finding is certain; not everything that is
 * wrong is found. Throws PolicyError for a policy the services would refuse.
 */
export function lintPolicy(source: PolicySource, people: readonly Reviewer[] | undefined): Lint {
  const policy = loadPolicy(source);
  const own = readPolicyDocument(source.text, source.file);
  const whole = readPolicyDocument(policy.text, source.file);
  const all = (whole.content.rules ?? []).map(known);
  const findings = (own.content.rules ?? []).flatMap((rule, index): Finding[] => {
    const line = (key: string): number => own.lineOf(['rules', index, key]);
    const found = all.find(({ id }) => id === rule.id);
    return [
      ...(found === undefined ? [] : unreachable(found, all, line('when'))),
      ...unapprovable(rule, policy, people, rule.reviewers === undefined ? line('id') : line('reviewers')),
    ];
  });
  if (people !== undefined && own.content.default === 'review')
    findings.push(
      ...nobody('default', policy.rule('default')?.reviewers ?? [], people, own.lineOf(['default'])),
    );
  if (people !== undefined && policy.changeRules !== undefined)
    findings.push(
      ...nobody('policyChanges', policy.changeRules.reviewers, people, own.lineOf(['policyChanges'])),
    );
  return { policy, findings };
}

interface Known {
  readonly id: string;
  readonly effect: RuleEffect;
  /** Whether it adds something beside its effect. */
  readonly adds: boolean;
  readonly terms: readonly Term[] | undefined;
}

const known = (rule: RuleSource): Known => ({
  id: rule.id,
  effect: rule.effect,
  adds: [rule.risk, rule.controls, rule.maxRows, rule.redact].some((part) => part !== undefined),
  terms: termsOf(environment.parse(rule.when).ast),
});

const STRICTER: Readonly<Record<RuleEffect, readonly RuleEffect[]>> = {
  allow: ['review', 'deny'],
  review: ['deny'],
  deny: [],
  flag: [],
};

function unreachable(rule: Known, all: readonly Known[], line: number): Finding[] {
  const { terms } = rule;
  if (terms === undefined) return [];
  if (terms.length === 0)
    return [
      { level: 'error', code: 'never-true', rule: rule.id, line, reason: 'its condition is never true' },
    ];
  const covers = (other: Known): boolean =>
    other !== rule &&
    other.terms !== undefined &&
    terms.every((term) => (other.terms as readonly Term[]).some((wider) => implies(term, wider)));
  const stricter = all.find((other) => STRICTER[rule.effect].includes(other.effect) && covers(other));
  if (stricter !== undefined) {
    const reason = `it never decides: wherever it matches, ${stricter.id} says ${stricter.effect}`;
    return [{ level: 'error', code: 'shadowed', rule: rule.id, line, reason }];
  }
  const before = all.slice(0, all.indexOf(rule));
  const same = before.find(
    (other) => other.effect === rule.effect && rule.effect !== 'review' && covers(other),
  );
  if (same === undefined || rule.adds || rule.effect === 'flag') return [];
  const reason = `it changes nothing: wherever it matches, ${same.id} says ${same.effect} as well`;
  return [{ level: 'warning', code: 'redundant', rule: rule.id, line, reason }];
}

function unapprovable(
  rule: RuleSource,
  policy: Policy,
  people: readonly Reviewer[] | undefined,
  line: number,
): Finding[] {
  if (rule.effect !== 'review' || people === undefined) return [];
  return nobody(rule.id, policy.rule(rule.id)?.reviewers ?? [], people, line);
}

function nobody(
  rule: string,
  reviewers: Parameters<typeof approvalProblem>[0],
  people: readonly Reviewer[],
  line: number,
): Finding[] {
  const problem = approvalProblem(reviewers, people);
  if (problem === undefined) return [];
  return [
    problem.always
      ? { level: 'error', code: 'nobody-can-approve', rule, line, reason: problem.reason }
      : { level: 'warning', code: 'no-reserve', rule, line, reason: problem.reason },
  ];
}
