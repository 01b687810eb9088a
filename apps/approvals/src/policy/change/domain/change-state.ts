import type { Identity } from '#libs/contracts/identity.js';
import type { ChangeEvent, ChangeEventOf } from './change-event.js';

export const changeStatuses = ['pending', 'accepted', 'refused', 'expired', 'superseded', 'forced'] as const;
export type ChangeStatus = (typeof changeStatuses)[number];

export type ChangeVote = Omit<ChangeEventOf<'policy-change.vote-cast'>, 'type'> & { readonly at: number };

/** A change of policy. Times are milliseconds since 1970. */
export interface PolicyChange {
  readonly status: ChangeStatus;
  readonly proposal: ChangeEventOf<'policy-change.proposed'> | ChangeEventOf<'policy-change.forced'>;
  /** Who the author's token said they are; undefined where the author is only named by a file. */
  readonly proposer: Identity | undefined;
  readonly proposedAt: number;
  /** undefined where nobody was asked. */
  readonly expiresAt: number | undefined;
  readonly votes: readonly ChangeVote[];
  readonly refusedVotes: number;
  readonly endedAt: number | undefined;
  readonly endReason: string | undefined;
}

export type ChangeState = PolicyChange | undefined;

/** The state after an event that happened at `at`; `identity` is whom its envelope names. Nothing is judged here. */
export function evolveChange(
  state: ChangeState,
  event: ChangeEvent,
  at: number,
  identity?: Identity,
): PolicyChange {
  if (event.type === 'policy-change.proposed' || event.type === 'policy-change.forced') {
    const forced = event.type === 'policy-change.forced';
    return {
      status: forced ? 'forced' : 'pending',
      proposal: event,
      proposer: !forced && event.authorVerified ? identity : undefined,
      proposedAt: at,
      expiresAt: forced ? undefined : Date.parse(event.expiresAt),
      votes: [],
      refusedVotes: 0,
      endedAt: forced ? at : undefined,
      endReason: forced ? event.reason : undefined,
    };
  }
  if (state === undefined) throw new Error(`${event.type} before policy-change.proposed`);
  switch (event.type) {
    case 'policy-change.vote-cast': {
      const { type: _, ...vote } = event;
      return { ...state, votes: [...state.votes, { ...vote, at }] };
    }
    case 'policy-change.vote-refused':
      return { ...state, refusedVotes: state.refusedVotes + 1 };
    case 'policy-change.accepted':
      return { ...state, status: 'accepted', endedAt: at };
    case 'policy-change.refused':
      return { ...state, status: 'refused', endedAt: at, endReason: event.reason };
    case 'policy-change.expired':
      return { ...state, status: 'expired', endedAt: at };
    case 'policy-change.superseded':
      return { ...state, status: 'superseded', endedAt: at, endReason: event.why };
  }
}
