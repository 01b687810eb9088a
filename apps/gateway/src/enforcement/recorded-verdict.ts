import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Verdict } from '#libs/policy/policy.js';

export type RecordedVerdict = EventOf<'statement.intent-recorded'>['verdict'];

/** Those of verdicts that name their policy: repeated statements share one verdict, so events share one object. */
const recorded = new WeakMap<Verdict, RecordedVerdict>();

/** A verdict as it stands in events; with the policy that judged, which may not be the `current` one any more. */
export function recordVerdict(
  verdict: Verdict,
  current: { readonly version: number; readonly hash: string },
): RecordedVerdict {
  if (verdict.policy === undefined) return describe(verdict, current);
  let known = recorded.get(verdict);
  if (known === undefined) {
    known = describe(verdict, verdict.policy);
    recorded.set(verdict, known);
  }
  return known;
}

function describe(
  { effect, rule, reason, flags, risk, controls }: Verdict,
  { version, hash }: { readonly version: number; readonly hash: string },
): RecordedVerdict {
  return {
    effect,
    rule,
    reason,
    policyVersion: version,
    policyHash: hash,
    ...(flags === undefined ? {} : { flags: [...flags] }),
    ...(risk === undefined ? {} : { risk }),
    ...(controls === undefined ? {} : { controls: [...controls] }),
  };
}
