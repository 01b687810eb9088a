import { oneLine } from '../output/table.js';
import type { ExplanationDocument } from './explanation-document.js';

/** An explanation for a person: the rule, the risk with its reasons, who must sign, who decided. */
export function explanationText(explanation: ExplanationDocument): string {
  const { verdict, assessment, route, decision } = explanation;
  const lines = [
    line('id', explanation.id),
    line('rule', `${verdict.rule}: ${verdict.reason}`),
    line('policy', `version ${verdict.policyVersion}, ${verdict.policyHash}`),
  ];
  if (assessment === null) lines.push(line('risk', 'not assessed'));
  else {
    lines.push(line('risk', `${assessment.level}, ${assessment.score} of 100`));
    for (const { rule, score, reason } of assessment.reasons)
      lines.push(line('', `${rule} +${score}: ${reason}`));
    for (const { rule, action } of assessment.actions) lines.push(line('', `${rule}: ${action}`));
  }
  lines.push(line('again', AGAIN.get(explanation.same) ?? ''));
  if (route === null) lines.push(line('asked', 'nobody yet: the policy version is not known'));
  else {
    const asked = route.needed.map(
      ({ group, or, count }) => `${count} of ${[group, ...(or ?? [])].join(' or ')}`,
    );
    lines.push(line('asked', asked.join(route.order === 'sequential' ? ', then ' : ' and ')));
    if (route.raisedBy !== undefined) lines.push(line('', `more signatures by ${route.raisedBy.join(', ')}`));
  }
  if (decision !== null) {
    const why = decision.reason === undefined ? '' : `: ${decision.reason}`;
    lines.push(line('decision', `${decision.verdict} by ${decision.decidedBy.join(', ')}${why}`));
  }
  return lines.join('\n');
}

const AGAIN: ReadonlyMap<boolean | null, string> = new Map([
  [true, 'the same assessment follows from the stored inputs'],
  [false, 'ANOTHER assessment follows from the stored inputs'],
  [null, 'cannot be derived: the policy version is not known'],
]);

const line = (name: string, value: string): string => `${name.padEnd(10)} ${oneLine(value, 600)}`;
