import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { compileRisk, type RiskRules } from './evaluate-risk.js';
import { readPolicyDocument } from './policy-document.js';
import type { RoutingSource } from './routing-document.js';

/** What a policy says of statements that wait, beside who must sign. */
export interface ReviewRules {
  /** How the reviewers of a rule are asked; undefined where the policy says nothing of it. */
  routingOf(rule: string): RoutingSource | undefined;
  /** undefined where the policy has no risk rules. */
  readonly risk: RiskRules | undefined;
}

/** Reads them from a policy's whole text, such as the one that was published. Throws PolicyError. */
export function readReviewRules(text: string, file: string): ReviewRules {
  const document = readPolicyDocument(text, file);
  const { rules = [], routing, risk } = document.content;
  const byRule = new Map(rules.map((rule) => [rule.id, rule.routing]));
  return {
    routingOf: (rule) => byRule.get(rule) ?? routing,
    risk: risk === undefined ? undefined : compileRisk(risk, document),
  };
}

/** Both quorums at once: of two numbers for the same groups the larger counts. */
export function joinReviewers(first: Reviewers, second: Reviewers): Reviewers {
  const keyOf = ({ group, or }: Reviewers[number]): string => JSON.stringify([group, ...(or ?? [])]);
  const joined = new Map(first.map((place) => [keyOf(place), place]));
  for (const place of second) {
    const before = joined.get(keyOf(place));
    if (before === undefined || before.count < place.count) joined.set(keyOf(place), place);
  }
  return [...joined.values()];
}
