import type { Reviewers } from '#libs/contracts/events/request-events.js';
import { actor } from '../../testing/sample-people.js';
import { MINUTE_MS, NOW, open, plan, Play, vote } from '../../testing/sample-request.js';
import { nextStep } from './next-step.js';

const DBA: Reviewers = [{ group: 'dba', count: 1 }];
const DBA_THEN_SECURITY: Reviewers = [
  { group: 'dba', count: 1 },
  { group: 'security', count: 1 },
];
const notify = (step: 'asked' | 'next' | 'reminded', people: readonly string[], limit = 50) => ({
  type: 'notify' as const,
  step,
  groups: ['dba'],
  people,
  limit,
});
const after = (minutes: number): number => NOW + minutes * MINUTE_MS;

describe('any of several groups', () => {
  it('fill a place, each member one', () => {
    const request = new Play();
    request.do(open(plan([{ group: 'dba', or: ['security'], count: 2 }])));
    expect(request.do(vote('omar'))).toEqual(['request.vote-cast']);
    expect(request.do(vote('omar'))).toEqual(['already-voted', 'request.vote-refused']);
    expect(request.do(vote('bob'))).toEqual(['request.vote-cast', 'request.granted']);
    expect(request.last('request.granted').decidedBy).toEqual(['omar', 'bob']);
  });
});

describe('an ordered quorum', () => {
  it('takes approvals only from those whose turn it is, and a denial from all', () => {
    const request = new Play();
    request.do(open(plan(DBA_THEN_SECURITY, { order: 'sequential' })));
    expect(request.do(vote('omar'))).toEqual(['not-your-turn', 'request.vote-refused']);
    expect(request.do(vote('bob'))).toEqual(['request.vote-cast']);
    expect(request.do(vote('omar'))).toEqual(['request.vote-cast', 'request.granted']);

    const denied = new Play();
    denied.do(open(plan(DBA_THEN_SECURITY, { order: 'sequential' })));
    expect(denied.do(vote('omar', 'deny'))).toEqual(['request.vote-cast', 'request.refused']);
  });

  it('tells each group when its turn comes', () => {
    const request = new Play();
    request.do(open(plan(DBA_THEN_SECURITY, { order: 'sequential' })));
    expect(nextStep(request.state!)?.step).toBe('asked');
    request.do(notify('asked', ['bob']));
    expect(nextStep(request.state!)).toBeUndefined();
    request.do(vote('bob'));
    expect(nextStep(request.state!)?.step).toBe('next');
    request.do(notify('next', ['omar']));
    expect(nextStep(request.state!)).toBeUndefined();
  });
});

describe('an escalation', () => {
  const escalations = [{ afterMs: 5 * MINUTE_MS, needed: [{ group: 'security', count: 1 }] }];

  it('lets others sign instead, when nobody did in time, and not before', () => {
    const request = new Play();
    request.do(open(plan([{ group: 'dba', count: 2 }], { escalations })));
    request.do(notify('asked', ['bob', 'dana']));
    const escalate = { type: 'escalate' as const, people: ['omar'], limit: 50 };
    expect(request.do(escalate, after(4))).toEqual([]);
    expect(request.do(vote('omar'), after(4))).toEqual(['not-a-reviewer', 'request.vote-refused']);
    expect(request.do(escalate, after(5))).toEqual(['request.escalated', 'request.reviewer-notified']);
    expect(request.do(escalate, after(6))).toEqual([]);
    expect(request.do(vote('bob'), after(6))).toEqual(['request.vote-cast']);
    expect(request.do(vote('omar'), after(6))).toEqual(['request.vote-cast', 'request.granted']);
    expect(request.last('request.granted').decidedBy).toEqual(['omar']);
  });

  it('is not due once the request has ended', () => {
    const request = new Play();
    request.do(open(plan(DBA, { escalations })));
    request.do(notify('asked', ['bob']));
    request.do(vote('bob'));
    expect(nextStep(request.state!)).toBeUndefined();
  });
});

describe('a reminder', () => {
  it('comes with growing pauses, so many times, and never after the end', () => {
    const request = new Play();
    const reminders = { firstMs: MINUTE_MS, factor: 2, max: 3 };
    request.do(open(plan(DBA, { reminders }), { holdMs: 6 * MINUTE_MS }));
    request.do(notify('asked', ['bob']));
    const due: number[] = [];
    for (let minute = 0; minute <= 20; minute += 1)
      if (request.do(notify('reminded', ['bob']), after(minute)).includes('request.reminded'))
        due.push(minute);
    // The third would come after 1 + 2 + 4 minutes, when the hold is over.
    expect(due).toEqual([1, 3]);
  });

  it('waits for the window in which it can be acted upon', () => {
    const request = new Play();
    const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '13:00', to: '14:00', timeZone: 'UTC' }];
    const reminders = { firstMs: MINUTE_MS, factor: 1, max: 1 };
    request.do(open(plan(DBA, { reminders, windows }), { holdMs: 120 * MINUTE_MS }));
    request.do(notify('asked', ['bob']));
    expect(nextStep(request.state!)).toEqual({ step: 'reminded', at: after(60) });
  });
});

describe('the people who are told', () => {
  it('are counted, and named only where they are few enough', () => {
    const crowd = Array.from({ length: 51 }, (_, index) => `person-${index}`);
    const request = new Play();
    request.do(open(plan(DBA)));
    request.do(notify('asked', crowd));
    expect(request.last('request.reviewer-notified')).toMatchObject({ count: 51, people: [], limit: 50 });
    const few = new Play();
    few.do(open(plan(DBA)));
    few.do(notify('asked', crowd.slice(1)));
    expect(few.last('request.reviewer-notified').people).toHaveLength(50);
  });
});

describe('a window for decisions', () => {
  const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '22:00', to: '06:00', timeZone: 'UTC' }];
  const night = Date.parse('2026-11-22T00:30:00.000Z');

  it('from 22:00 to 06:00 takes an approval at 00:30, and none at noon', () => {
    const request = new Play();
    request.do(open(plan(DBA, { windows }), { holdMs: 24 * 60 * MINUTE_MS }));
    expect(request.do(vote('bob'), NOW)).toEqual(['outside-window', 'request.vote-refused']);
    expect(request.do(vote('bob'), night)).toEqual(['request.vote-cast', 'request.granted']);
  });

  it('lets nobody’s grant outlive it', () => {
    const request = new Play();
    request.do(
      open(plan(DBA, { windows, grantLifetimeMs: 60 * MINUTE_MS }), { holdMs: 24 * 60 * MINUTE_MS }),
    );
    request.do(vote('bob'), Date.parse('2026-11-22T05:50:00.000Z'));
    expect(request.last('request.granted').grantExpiresAt).toBe('2026-11-22T06:00:00.000Z');
  });

  it('does not keep anybody from refusing', () => {
    const request = new Play();
    request.do(open(plan(DBA, { windows })));
    expect(request.do(vote('bob', 'deny'))).toEqual(['request.vote-cast', 'request.refused']);
  });
});

describe('the failings of others', () => {
  it('one person in two groups fills one place only', () => {
    const request = new Play();
    request.do(open(plan(DBA_THEN_SECURITY)));
    expect(request.do(vote('zoe'))).toEqual(['request.vote-cast']);
    expect(request.do(vote('zoe'))).toEqual(['already-voted', 'request.vote-refused']);
    expect(request.do(vote('bob'))).toEqual(['request.vote-cast', 'request.granted']);
  });

  it('more approvals than are needed leave nothing stuck', () => {
    const request = new Play();
    request.do(open(plan(DBA_THEN_SECURITY)));
    for (const name of ['bob', 'dana']) expect(request.do(vote(name))).toEqual(['request.vote-cast']);
    expect(request.do(vote('omar'))).toEqual(['request.vote-cast', 'request.granted']);
    expect(request.do(vote('zoe'))).toEqual(['already-decided']);
  });

  it('a grant given in the last minute of the hold does not run a full new half hour', () => {
    const request = new Play();
    request.do(open(plan(DBA, { grantLifetimeMs: 30 * MINUTE_MS }), { holdMs: 30 * MINUTE_MS }));
    request.do(vote('bob'), after(29));
    expect(Date.parse(request.last('request.granted').grantExpiresAt)).toBe(after(30));
  });

  it('a pending request expires', () => {
    const request = new Play();
    request.do(open(plan(DBA)));
    expect(request.do({ type: 'expire' }, after(14))).toEqual([]);
    expect(request.do({ type: 'expire' }, after(15))).toEqual(['request.expired']);
    expect(request.do(vote('bob'), after(15))).toEqual(['expired']);
  });

  it('a grant nobody uses expires, counted from the approval where the statement is sent again', () => {
    const request = new Play();
    request.do(open(plan(DBA, { grantLifetimeMs: 10 * MINUTE_MS }), { wait: 'retry' }));
    request.do(vote('bob'), after(14));
    expect(Date.parse(request.last('request.granted').grantExpiresAt)).toBe(after(24));
    expect(request.do({ type: 'expire' }, after(24))).toEqual(['request.expired']);
  });

  it('single use is one write: a second attempt finds the grant used', () => {
    const request = new Play();
    request.do(open(plan(DBA), { wait: 'retry' }));
    request.do(vote('bob'));
    const { gatewayId, digest, intentId } = request.state!;
    const other = '0198c5a0-0000-7000-8000-00000000000f';
    const spend = { type: 'spend' as const, gatewayId, digest, answerBy: undefined };
    expect(request.do({ ...spend, intentId })).toEqual(['request.consumed']);
    expect(request.do({ ...spend, intentId: other })).toEqual([]);
    expect(request.state?.consumedBy).toBe(intentId);
  });

  it('a grant is not used up for an attempt that comes after its time, and stays for the next', () => {
    const request = new Play();
    request.do(open(plan(DBA), { wait: 'retry' }));
    request.do(vote('bob'));
    const { gatewayId, digest, intentId } = request.state!;
    const spend = { type: 'spend' as const, gatewayId, digest, intentId };
    expect(request.do({ ...spend, answerBy: after(2) }, after(2))).toEqual([]);
    expect(request.state?.status).toBe('granted');
    expect(request.do({ ...spend, answerBy: after(3) }, after(2))).toEqual(['request.consumed']);
  });

  it('an approval is bound to the bytes: a grant for one digest is not used by another', () => {
    const request = new Play();
    request.do(open(plan(DBA), { wait: 'retry' }));
    request.do(vote('bob'));
    const { gatewayId, intentId } = request.state!;
    const spend = { type: 'spend' as const, gatewayId, intentId, answerBy: undefined };
    expect(request.do({ ...spend, digest: 'cd'.repeat(32) })).toEqual(['not-the-grant']);
    expect(request.state?.status).toBe('granted');
  });

  it('an agent in a reviewer group approves nothing', () => {
    const request = new Play();
    request.do(open(plan(DBA)));
    for (const name of ['etl-agent', 'ci'])
      expect(request.do(vote(name))).toEqual(['agent', 'request.vote-refused']);
  });

  it('an administrator of every group does not approve their own request', () => {
    const request = new Play();
    request.do(open(plan(DBA)));
    const own = vote('alice', 'approve', { voter: actor('alice', ['dba', 'security', 'engineering']) });
    expect(request.do(own)).toEqual(['own-request', 'request.vote-refused']);
  });
});

describe('a ceiling on rows', () => {
  it('is refused where it could not be kept', () => {
    const request = new Play();
    const signals = {
      measuredAt: new Date(NOW).toISOString(),
      estimatedRows: 5,
      tableRows: 100,
      share: 0.05,
      locks: [],
      locksHeld: [],
      reversible: 'yes' as const,
      personalData: [],
      rowCeiling: 'not-guaranteed' as const,
      rowCeilingReason: 'a trigger changes rows that are not counted',
    };
    request.do(open(plan(DBA), { signals }));
    expect(request.do(vote('bob', 'approve', { maxRows: 5 }))).toEqual(['no-row-ceiling']);
    expect(request.do(vote('bob'))).toEqual(['request.vote-cast', 'request.granted']);
  });
});
