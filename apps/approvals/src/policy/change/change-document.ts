import { signatures } from '../../request/domain/quorum.js';
import type { PolicyChange } from './domain/change-state.js';

const timeOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

/** A change of policy as lists show it. */
export function listedChange(id: string, change: PolicyChange): object {
  const { proposal, votes, status, endReason } = change;
  const diff =
    proposal.type === 'policy-change.proposed'
      ? {
          added: proposal.diff.added,
          removed: proposal.diff.removed,
          changed: proposal.diff.changed,
          settings: proposal.diff.settings,
        }
      : undefined;
  return {
    id,
    state: status,
    author: proposal.author,
    authorVerified: change.proposer !== undefined,
    reason: proposal.reason,
    version: proposal.policyVersion,
    hash: proposal.policyHash,
    sourceHash: proposal.sourceHash,
    previousHash: proposal.previousHash,
    needed: signatures(proposal.needed),
    reviewers: proposal.needed,
    votes: votes.map(({ voter, group, decision, reason, channel, at }) => ({
      voter: voter.name,
      group,
      decision,
      reason,
      channel,
      time: timeOf(at),
    })),
    diff,
    proposedAt: timeOf(change.proposedAt),
    expiresAt: timeOf(change.expiresAt),
    endedAt: timeOf(change.endedAt),
    endReason,
  };
}

/** The same with everything a signature is for: the whole text, and the lines that differ. */
export function wholeChange(id: string, change: PolicyChange): object {
  const { proposal } = change;
  if (proposal.type !== 'policy-change.proposed') return listedChange(id, change);
  return { ...listedChange(id, change), diff: proposal.diff, text: proposal.text };
}
