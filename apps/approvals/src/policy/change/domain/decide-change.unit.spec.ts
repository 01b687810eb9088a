import fc from 'fast-check';
import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { seat } from '../../../request/domain/quorum.js';
import { actor, identityOf, PEOPLE, person } from '../../../testing/sample-people.js';
import type { ChangeEvent } from './change-event.js';
import { evolveChange, type ChangeState } from './change-state.js';
import { decideChange, type ChangeCommand } from './decide-change.js';

const START = Date.parse('2026-11-21T12:00:00.000Z');
const EXPIRES = START + 60_000;
const IN_FORCE = 'aa'.repeat(32);
const OTHER = 'bb'.repeat(32);
const PUBLICATION = '11111111-1111-4111-8111-111111111111';

const proposed = (author: string, verified: boolean, needed: Reviewers): ChangeState =>
  evolveChange(
    undefined,
    {
      type: 'policy-change.proposed',
      author,
      authorVerified: verified,
      reason: 'TICKET-1',
      policyVersion: 2,
      policyHash: 'cc'.repeat(32),
      sourceHash: 'cc'.repeat(32),
      previousHash: IN_FORCE,
      text: 'version: 2\n',
      diff: { added: [], removed: [], changed: [], settings: [], lines: '' },
      needed,
      expiresAt: new Date(EXPIRES).toISOString(),
    },
    START,
    identityOf(author),
  );

const quorums: readonly Reviewers[] = [
  [{ group: 'dba', count: 1 }],
  [{ group: 'dba', count: 2 }],
  [
    { group: 'dba', count: 1 },
    { group: 'security', count: 1 },
  ],
  [{ group: 'dba', or: ['security'], count: 3 }],
];
const name = fc.constantFrom(...PEOPLE.map((each) => each.name));
const groups = fc.subarray(['dba', 'security', 'engineering', 'compliance']);
const somebody = fc.oneof(
  { weight: 4, arbitrary: name.map((who) => actor(who)) },
  { weight: 1, arbitrary: fc.tuple(name, groups).map(([who, now]) => actor(who, now)) },
  { weight: 1, arbitrary: name.map((who) => ({ identity: identityOf(who), standing: undefined })) },
);
const command = (author: string): fc.Arbitrary<ChangeCommand> =>
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        type: fc.constant('vote' as const),
        voter: somebody,
        authorOwner: fc.constant(person(author).owner),
        decision: fc.oneof(
          { weight: 9, arbitrary: fc.constant('approve' as const) },
          { weight: 1, arbitrary: fc.constant('deny' as const) },
        ),
        reason: fc.constantFrom(undefined, '', 'because'),
        channel: fc.constantFrom(undefined, 'api'),
        inForce: fc.oneof(
          { weight: 20, arbitrary: fc.constant(IN_FORCE) },
          { weight: 1, arbitrary: fc.constant(OTHER) },
        ),
        publicationId: fc.constant(PUBLICATION),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ type: 'expire' as const }) },
    { weight: 1, arbitrary: fc.constant({ type: 'supersede' as const, why: 'changed-again' as const }) },
  );

const story = fc.tuple(name, fc.boolean(), fc.constantFrom(...quorums)).chain(([author, verified, needed]) =>
  fc.record({
    author: fc.constant(author),
    verified: fc.constant(verified),
    needed: fc.constant(needed),
    steps: fc.array(fc.tuple(command(author), fc.integer({ min: 0, max: 6_000 })), { maxLength: 15 }),
  }),
);

describe('a change of policy, in any order of votes, times and other changes', () => {
  it('takes effect once, signed by a whole quorum of others who were in its groups, in time, over what is in force', () => {
    let acceptedRuns = 0;
    fc.assert(
      fc.property(story, ({ author, verified, needed, steps }) => {
        let state = proposed(author, verified, needed);
        let now = START;
        const all: ChangeEvent[] = [];
        for (const [each, later] of steps) {
          now += later;
          const before = state;
          const { events } = decideChange(each, state, now);
          for (const event of events) state = evolveChange(state, event, now);
          all.push(...events);
          if (before?.status !== 'pending') expect(events).toEqual([]);
          const accepted = events.find((event) => event.type === 'policy-change.accepted');
          if (accepted === undefined) continue;
          acceptedRuns += 1;
          expect(now).toBeLessThan(EXPIRES);
          expect(each).toMatchObject({ type: 'vote', decision: 'approve', inForce: IN_FORCE });
          const voters = (state?.votes ?? []).map(({ voter }) => voter);
          expect(seat(needed, voters).complete).toBe(true);
          expect(new Set(accepted.decidedBy).size).toBe(accepted.decidedBy.length);
          for (const { name: signer, kind, groups: then } of voters) {
            expect(signer).not.toBe(author);
            expect(signer).not.toBe(person(author).owner);
            expect(kind).toBe('human');
            expect(then).not.toContain('compliance');
            expect(needed.some(({ group, or = [] }) => [group, ...or].some((g) => then.includes(g)))).toBe(
              true,
            );
          }
        }
        const ends = all.filter(({ type }) => /accepted|\.refused|expired|superseded/.test(type));
        expect(ends.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3_000 },
    );
    expect(acceptedRuns).toBeGreaterThan(50);
  }, 120_000);

  it('says why a vote does not count, and records it', () => {
    const state = proposed('bob', false, [{ group: 'dba', count: 2 }]);
    const vote = (who: string, more: object = {}): ReturnType<typeof decideChange> =>
      decideChange(
        {
          type: 'vote',
          voter: actor(who),
          authorOwner: undefined,
          decision: 'approve',
          reason: undefined,
          channel: undefined,
          inForce: IN_FORCE,
          publicationId: PUBLICATION,
          ...more,
        },
        state,
        START,
      );
    const refusals = [
      ['bob', {}, 'own-request', 'own-change'],
      ['etl-agent', {}, 'agent', 'agent'],
      ['ci', {}, 'agent', 'agent'],
      ['alice', {}, 'not-a-reviewer', 'not-a-reviewer'],
      ['cleo', {}, 'not-a-reviewer', 'not-a-reviewer'],
      ['dana', { authorOwner: 'dana' }, 'agent-owner', 'agent-owner'],
    ] as const;
    for (const [who, more, code, why] of refusals)
      expect(vote(who, more)).toMatchObject({
        ok: false,
        refusal: { code },
        events: [{ type: 'policy-change.vote-refused', why }],
      });
    expect(vote('dana', { decision: 'deny' })).toMatchObject({ refusal: { code: 'reason-required' } });
    expect(vote('dana', { inForce: OTHER })).toMatchObject({
      refusal: { code: 'superseded' },
      events: [{ type: 'policy-change.superseded', why: 'policy-changed' }],
    });
    expect(vote('dana')).toMatchObject({ ok: true, events: [{ type: 'policy-change.vote-cast' }] });
  });

  it('knows its author by what the token says as well, where that said so', () => {
    const state = proposed('bob', true, [{ group: 'dba', count: 1 }]);
    const renamed = { ...actor('dana'), identity: { ...identityOf('bob'), name: 'dana' } };
    const decided = decideChange(
      {
        type: 'vote',
        voter: renamed,
        authorOwner: undefined,
        decision: 'approve',
        reason: undefined,
        channel: undefined,
        inForce: IN_FORCE,
        publicationId: PUBLICATION,
      },
      state,
      START,
    );
    expect(decided).toMatchObject({ ok: false, refusal: { code: 'own-request' } });
  });
});
