import type { Identity } from '#libs/contracts/identity.js';
import { loadStream } from '../../event-store/load-stream.js';
import { decide } from '../../request/domain/decide.js';
import type { Refusal } from '../../request/domain/refusal.js';
import { evolve, type RequestState } from '../../request/domain/request-state.js';
import { actorOf } from '../../request/read/viewer.js';
import type { DialogKind } from '../blocks/dialogs.js';
import type { CarryOutDependencies } from './carry-out-dependencies.js';

/** Only to try a command; nothing of it is stored. */
const NO_DECISION = '00000000-0000-0000-0000-000000000000';

/**
 * Why a denial, a comment or a limited approval would be refused now, so that nobody writes one in vain. Judged by
 * the same function as the command itself, which judges again.
 */
export async function wouldBeRefused(
  kind: DialogKind,
  requestId: string,
  identity: Identity,
  { pool, directory, clock }: CarryOutDependencies,
): Promise<Refusal | undefined> {
  const state = (await loadStream(pool, requestId)).reduce<RequestState>(evolve, undefined);
  const actor = await actorOf(directory, identity);
  const requester = state === undefined ? undefined : await directory.find(state.requester.name);
  const decided =
    kind === 'ask'
      ? decide({ type: 'comment', author: actor, text: '?' }, state, clock.now())
      : decide(
          {
            type: 'cast-vote',
            voter: actor,
            requesterOwner: requester?.owner,
            decision: kind === 'limit' ? 'approve' : 'deny',
            reason: '?',
            maxRows: kind === 'limit' ? 1 : undefined,
            channel: undefined,
            decisionId: NO_DECISION,
          },
          state,
          clock.now(),
        );
  return decided.ok ? undefined : decided.refusal;
}
