import type { Verdict } from '#libs/policy/policy.js';
import { recordVerdict } from './recorded-verdict.js';

const verdict: Verdict = { effect: 'allow', rule: 'reads', reason: 'Reading is allowed', reviewers: [] };

describe('a verdict in an event', () => {
  it('names the policy that judged, whichever is in force by now', () => {
    const judged: Verdict = { ...verdict, policy: { version: 3, hash: 'a'.repeat(64) } };
    for (const version of [3, 4])
      expect(recordVerdict(judged, { version, hash: 'b'.repeat(64) })).toMatchObject({
        policyVersion: 3,
        policyHash: 'a'.repeat(64),
      });
  });

  it('of no policy names the one in force when it is recorded', () => {
    for (const version of [3, 4])
      expect(recordVerdict(verdict, { version, hash: `${version}`.repeat(64) })).toMatchObject({
        policyVersion: version,
        policyHash: `${version}`.repeat(64),
      });
  });
});
