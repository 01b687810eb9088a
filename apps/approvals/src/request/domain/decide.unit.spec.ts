import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { newId } from '#libs/kernel/uuid.js';
import { actor, identityOf } from '../../testing/sample-people.js';
import { decide } from './decide.js';
import type { RequestCommand, ReviewPlan } from './request-command.js';
import type { RequestEvent, RequestEventOf } from './request-event.js';
import { evolve, type RequestState } from './request-state.js';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');
const HOLD_ENDS = NOW + 15 * 60_000;
const GATEWAY = newId();
const INTENT = newId();
const DECISION = newId();
const DIGEST = 'ab'.repeat(32);
const ONE_DBA: Reviewers = [{ group: 'dba', count: 1 }];
const TWO_DBA: Reviewers = [{ group: 'dba', count: 2 }];
const DBA_AND_SECURITY: Reviewers = [
  { group: 'dba', count: 1 },
  { group: 'security', count: 1 },
];

const planOf = (needed: Reviewers): ReviewPlan => ({
  assessed: undefined,
  route: { needed },
  automatic: undefined,
});

const open = (needed: Reviewers | undefined = ONE_DBA, requester = 'alice'): RequestCommand => ({
  type: 'open',
  requested: {
    requester: identityOf(requester),
    target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
    statement: {
      sha256: 'cd'.repeat(32),
      bytes: 3,
      kind: 'ALTER TABLE',
      kinds: ['ALTER TABLE'],
      category: 'ddl',
    },
    verdict: {
      effect: 'review',
      rule: 'schema-change',
      reason: '',
      policyVersion: 1,
      policyHash: 'ef'.repeat(32),
    },
    gatewayId: GATEWAY,
    intentId: INTENT,
    digest: DIGEST,
    expiresAt: new Date(HOLD_ENDS).toISOString(),
  },
  plan: needed === undefined ? undefined : planOf(needed),
});

const vote = (name: string, decision: 'approve' | 'deny' = 'approve', groups?: string[]): RequestCommand => ({
  type: 'cast-vote',
  voter: groups === undefined ? actor(name) : actor(name, groups),
  requesterOwner: undefined,
  decision,
  reason: decision === 'deny' ? 'too risky' : undefined,
  maxRows: undefined,
  channel: undefined,
  decisionId: DECISION,
});

const release = (
  over: Partial<{ gatewayId: string; decisionId: string; digest: string }> = {},
): RequestCommand => ({
  type: 'consume',
  gatewayId: GATEWAY,
  intentId: INTENT,
  decisionId: DECISION,
  digest: DIGEST,
  ...over,
});

const cancel = (reason = 'client-gone', gatewayId = GATEWAY): RequestCommand => ({
  type: 'cancel',
  gatewayId,
  intentId: INTENT,
  reason,
});

/** Plays commands, each at the same moment unless told otherwise. */
function play(commands: readonly RequestCommand[], now = NOW) {
  const events: RequestEvent[] = [];
  let state: RequestState;
  let last = decide(commands[0] as RequestCommand, undefined, now);
  commands.forEach((command, index) => {
    if (index > 0) last = decide(command, state, now);
    for (const event of last.events) {
      events.push(event);
      state = evolve(state, event, now);
    }
  });
  return {
    events,
    types: events.map(({ type }) => type),
    last,
    state,
    code: last.ok ? undefined : last.refusal.code,
  };
}

const at = (state: RequestState, command: RequestCommand, now: number) => decide(command, state, now);

describe('a request', () => {
  it('is granted by one eligible reviewer, with the digest computed when it was opened', () => {
    const { events, state } = play([open(), vote('bob')]);
    const granted = events.at(-1) as RequestEventOf<'request.granted'>;
    expect(granted).toEqual({
      type: 'request.granted',
      decidedBy: ['bob'],
      digest: DIGEST,
      decisionId: DECISION,
      grantExpiresAt: new Date(NOW + 5 * 60_000).toISOString(),
    });
    expect(state?.status).toBe('granted');
  });

  it('gives a grant no more time than the hold has left', () => {
    const { state } = play([open()]);
    const late = at(state, vote('bob'), HOLD_ENDS - 1_000);
    expect((late.events.at(-1) as RequestEventOf<'request.granted'>).grantExpiresAt).toBe(
      new Date(HOLD_ENDS).toISOString(),
    );
  });

  it.each(['agent', 'service'] as const)('is never decided by an %s, whatever groups it is in', (kind) => {
    const { code, events } = play([open(), vote(kind === 'agent' ? 'etl-agent' : 'ci')]);
    expect(code).toBe('agent');
    expect(events.at(-1)).toMatchObject({ type: 'request.vote-refused', why: 'agent' });
  });

  it('is not decided by somebody the directory calls an agent though the token says human', () => {
    const disguised: RequestCommand = {
      ...(vote('bob') as Extract<RequestCommand, { type: 'cast-vote' }>),
      voter: { identity: identityOf('bob'), standing: { kind: 'agent', groups: ['dba'], owner: 'dana' } },
    };
    expect(play([open(), disguised]).code).toBe('agent');
  });

  it('is never decided by its requester, a reviewer or not', () => {
    expect(play([open(ONE_DBA, 'bob'), vote('bob')]).code).toBe('own-request');
    expect(play([open(ONE_DBA, 'bob'), vote('bob', 'deny')]).code).toBe('own-request');
  });

  it('is not decided by its requester under another name of the same subject', () => {
    const alias = vote('dana') as Extract<RequestCommand, { type: 'cast-vote' }>;
    const voter = { ...alias.voter, identity: { ...alias.voter.identity, subject: 'sub-bob' } };
    expect(play([open(ONE_DBA, 'bob'), { ...alias, voter }]).code).toBe('own-request');
  });

  it('of an agent is not decided by its owner, by the token or by the directory', () => {
    expect(play([open(ONE_DBA, 'bot-of-bob'), vote('bob')]).code).toBe('agent-owner');
    const listed = { ...vote('dana'), requesterOwner: 'dana' } as RequestCommand;
    expect(play([open(ONE_DBA, 'etl-agent'), listed]).code).toBe('agent-owner');
    expect(play([open(ONE_DBA, 'bot-of-bob'), vote('dana')]).state?.status).toBe('granted');
  });

  it('is judged by the groups of the moment of the vote, not by those of the token', () => {
    expect(play([open(), vote('bob', 'approve', [])]).code).toBe('not-a-reviewer');
    expect(play([open(), vote('erin', 'approve', ['dba'])]).state?.status).toBe('granted');
  });

  it('is not decided by somebody the directory does not know', () => {
    const stranger = vote('bob') as Extract<RequestCommand, { type: 'cast-vote' }>;
    const voter = { identity: stranger.voter.identity, standing: undefined };
    expect(play([open(), { ...stranger, voter }]).code).toBe('not-a-reviewer');
  });

  it('is not decided by compliance, a reviewer or not', () => {
    expect(play([open(), vote('carol')]).code).toBe('not-a-reviewer');
    expect(play([open(), vote('cleo')]).code).toBe('not-a-reviewer');
  });

  it('is refused by one denial, with its reason', () => {
    const { events, state } = play([open(TWO_DBA), vote('bob'), vote('dana', 'deny')]);
    expect(events.at(-1)).toEqual({ type: 'request.refused', decidedBy: ['dana'], reason: 'too risky' });
    expect(state?.status).toBe('refused');
  });

  it.each([undefined, '', '  '])('is not denied without a reason (%p)', (reason) => {
    expect(play([open(), { ...vote('bob', 'deny'), reason } as RequestCommand]).code).toBe('reason-required');
  });

  it('is refused by somebody who approved before and changed their mind', () => {
    expect(play([open(TWO_DBA), vote('bob'), vote('bob', 'deny')]).state?.status).toBe('refused');
  });

  it('waits without a route, and takes no vote then', () => {
    const unrouted = { ...(open() as Extract<RequestCommand, { type: 'open' }>), plan: undefined };
    expect(play([unrouted, vote('bob')]).code).toBe('not-routed');
    const routed = play([unrouted, { type: 'route', plan: planOf(ONE_DBA) }, vote('bob')]);
    expect(routed.state?.status).toBe('granted');
  });
});

describe('a quorum', () => {
  it('counts one person once', () => {
    const { code, state } = play([open(TWO_DBA), vote('bob'), vote('bob')]);
    expect(code).toBe('already-voted');
    expect(state?.status).toBe('pending');
  });

  it('PEERS: one person in two groups fills one place, not two', () => {
    const { state } = play([open(DBA_AND_SECURITY), vote('zoe')]);
    expect(state?.status).toBe('pending');
    expect(play([open(DBA_AND_SECURITY), vote('zoe'), vote('omar')]).state?.status).toBe('granted');
  });

  it('lets a person of two groups change places so that the next one can sit', () => {
    // zoe is seated for dba first; bob can only sit there, so zoe moves to security.
    expect(play([open(DBA_AND_SECURITY), vote('zoe'), vote('bob')]).state?.status).toBe('granted');
  });

  it('PEERS: more votes than a group needs leave nothing stuck', () => {
    const { state, types } = play([open(DBA_AND_SECURITY), vote('bob'), vote('dana'), vote('omar')]);
    expect(state?.status).toBe('granted');
    expect(types.filter((type) => type === 'request.granted')).toHaveLength(1);
  });
});

describe('the end of a request', () => {
  const ended: [string, RequestCommand[], string][] = [
    ['granted', [open(), vote('bob')], 'already-decided'],
    ['refused', [open(), vote('bob', 'deny')], 'already-decided'],
    ['cancelled', [open(), cancel()], 'cancelled'],
    ['expired', [open(), cancel('expired')], 'expired'],
    ['consumed', [open(), vote('bob'), release()], 'already-decided'],
    ['revoked', [open(), vote('bob'), { type: 'revoke', by: actor('dana'), reason: 'wrong' }], 'revoked'],
  ];
  it.each(ended)('when %s takes no decision any more', (status, commands, code) => {
    const { state } = play(commands);
    expect(state?.status).toBe(status);
    for (const decision of ['approve', 'deny'] as const) {
      const decided = at(state, vote('dana', decision), NOW);
      expect(decided).toMatchObject({ ok: false, refusal: { code }, events: [] });
    }
  });

  it('PEERS: a pending request expires, at the moment its hold ends', () => {
    const { state } = play([open()]);
    expect(at(state, { type: 'expire' }, HOLD_ENDS - 1).events).toEqual([]);
    expect(at(state, { type: 'expire' }, HOLD_ENDS).events).toEqual([{ type: 'request.expired' }]);
  });

  it('comes with a vote that is too late, though nobody has noticed the time yet', () => {
    const { state } = play([open()]);
    expect(at(state, vote('bob'), HOLD_ENDS)).toEqual({
      ok: false,
      refusal: { code: 'expired', message: expect.any(String) },
      events: [{ type: 'request.expired' }],
    });
  });

  it('PEERS: a grant of the last minute opens no new half hour', () => {
    const { state } = play([open()]);
    const granted = at(state, vote('bob'), HOLD_ENDS - 60_000).events.reduce<RequestState>(evolve, state);
    expect(granted?.grant?.expiresAt).toBe(HOLD_ENDS);
    expect(at(granted, { type: 'expire' }, HOLD_ENDS + 30_000).events).toEqual([{ type: 'request.expired' }]);
  });
});

describe('the word of the gateway', () => {
  it('PEERS: consumes a grant once, and a second time changes nothing', () => {
    const { types, last } = play([open(), vote('bob'), release(), release()]);
    expect(types.filter((type) => type === 'request.consumed')).toHaveLength(1);
    expect(last).toEqual({ ok: true, events: [] });
  });

  it.each([
    ['another decision', { decisionId: newId() }],
    ['another digest', { digest: '00'.repeat(32) }],
  ])('that names %s is a finding', (_, over) => {
    expect(play([open(), vote('bob'), release(over)]).code).toBe('not-the-grant');
  });

  it('without a grant is a finding', () => {
    expect(play([open(), release()]).code).toBe('not-the-grant');
  });

  it('counts only from the gateway that holds the statement', () => {
    expect(play([open(), vote('bob'), release({ gatewayId: newId() })]).code).toBe('another-gateway');
    expect(play([open(), cancel('client-gone', newId())]).code).toBe('another-gateway');
  });

  it('is recorded after a revocation too: a signed decision cannot be unsent', () => {
    const { state } = play([
      open(),
      vote('bob'),
      { type: 'revoke', by: actor('alice'), reason: undefined },
      release(),
    ]);
    expect(state?.status).toBe('consumed');
  });

  it('asked twice opens one request, and asked otherwise under the same id is refused', () => {
    expect(play([open(), open()]).last).toEqual({ ok: true, events: [] });
    expect(play([open(), open(ONE_DBA)]).last).toEqual({ ok: true, events: [] });
    const other = open() as Extract<RequestCommand, { type: 'open' }>;
    expect(
      play([open(), { ...other, requested: { ...other.requested, digest: '00'.repeat(32) } }]).code,
    ).toBe('already-requested');
  });
});

describe('a refused vote', () => {
  it('is recorded with who and why, and without end is recorded only so often', () => {
    const { types, code } = play([open(), ...Array.from({ length: 500 }, () => vote('erin'))]);
    expect(code).toBe('not-a-reviewer');
    expect(types.filter((type) => type === 'request.vote-refused')).toHaveLength(200);
  });
});

describe('revoking and commenting', () => {
  it('is for the requester and the reviewers', () => {
    for (const name of ['erin', 'carol', 'etl-agent']) {
      expect(play([open(), vote('bob'), { type: 'revoke', by: actor(name), reason: undefined }]).code).toBe(
        'not-yours',
      );
      expect(play([open(), { type: 'comment', author: actor(name), text: 'why?' }]).code).toBe(
        'not-a-reviewer',
      );
    }
    for (const name of ['alice', 'dana'])
      expect(play([open(), { type: 'comment', author: actor(name), text: 'why?' }]).last.ok).toBe(true);
  });

  it('revokes grants only', () => {
    expect(play([open(), { type: 'revoke', by: actor('dana'), reason: undefined }]).code).toBe('not-granted');
  });
});
