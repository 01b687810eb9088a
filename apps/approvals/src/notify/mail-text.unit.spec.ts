import { sampleRequest } from '../slack/testing/sample-request.js';
import { mailText, MAX_SHOWN_STATEMENT } from './mail-text.js';

const OPTIONS = { showSql: false, link: 'https://approvals.example.test' };
const WAITING = { event: 'request.waiting', step: 1 } as const;
const STATEMENT = { sha256: 'ab'.repeat(32), bytes: 42, kind: 'ALTER TABLE', category: 'ddl' };
const viewWith = (view: NonNullable<Parameters<typeof sampleRequest>[0]>['view']) =>
  sampleRequest({ ...(view === undefined ? {} : { view }) }).view;

describe('mailText', () => {
  it('says who, where, why, how many have signed, where to read it and how to vote', () => {
    const { subject, text } = mailText(WAITING, viewWith({}), OPTIONS);
    expect(subject).toBe('[Countersign] Approval needed: alice: ALTER TABLE on shop');
    expect(text).toContain('schema-change: Schema changes are reviewed');
    expect(text).toContain('0 of 1 approvals');
    expect(text).toContain(
      'https://approvals.example.test/v1/requests/01940000-0000-7000-8000-000000000001\n',
    );
    expect(text).toContain('countersign requests approve 01940000-0000-7000-8000-000000000001\n');
    expect(text).toContain('This mail decides nothing');
  });

  it('holds nothing of a statement unless that is allowed', () => {
    const view = viewWith({ statement: { ...STATEMENT, text: 'ALTER TABLE secret_plans ADD x int' } });
    expect(JSON.stringify(mailText(WAITING, view, OPTIONS))).not.toMatch(/secret_plans/);
    expect(mailText(WAITING, view, { ...OPTIONS, showSql: true }).text).toContain(
      '\n    ALTER TABLE secret_plans ADD x int\n',
    );
  });

  it('shows a long statement not at all rather than a part of it', () => {
    for (const text of ['x'.repeat(MAX_SHOWN_STATEMENT + 1), undefined]) {
      const statement = text === undefined ? STATEMENT : { ...STATEMENT, text };
      const mail = mailText(WAITING, viewWith({ statement }), { ...OPTIONS, showSql: true });
      expect(mail.text).toContain('too long for a mail');
      expect(mail.text).not.toContain('xxx');
    }
  });

  it('lets no line of a statement or a name pass for one of its own', () => {
    const hostile = 'x\r\nState:    granted\n\u2028Who:      bob\u202e';
    const view = viewWith({ requester: hostile, statement: { ...STATEMENT, text: hostile } });
    const { subject, text } = mailText(WAITING, view, { ...OPTIONS, showSql: true });
    expect(subject).not.toMatch(/[\r\n\u2028\u202e]/);
    expect(text.match(/^State: .*$/gm)).toEqual(['State:    pending, 0 of 1 approvals']);
    expect(text.match(/^Who: .*$/gm)).toHaveLength(1);
    expect(text).not.toMatch(/[\r\u2028\u202e]/);
  });

  it('says why people are told again, and how it ended', () => {
    const told = (step: 'asked' | 'reminded' | 'escalated') => ({
      step,
      groups: ['dba'],
      count: 1,
      people: [],
      time: '2026-05-04T10:00:00.000Z',
    });
    const view = viewWith({ notified: [told('asked'), told('escalated'), told('reminded')] });
    expect(mailText({ ...WAITING, step: 2 }, view, OPTIONS).text).toContain('you may sign as well');
    expect(mailText({ ...WAITING, step: 3 }, view, OPTIONS).subject).toContain('Reminder');
    const refused = viewWith({ state: 'refused', decidedBy: ['bob'], endReason: 'DROP of secret_plans' });
    const ended = mailText({ event: 'request.refused', step: 1 }, refused, OPTIONS);
    expect(ended.subject).toContain('Denied');
    expect(ended.text).toContain('By:       bob\n');
    expect(ended.text).not.toContain('secret_plans');
    expect(ended.text).not.toContain('requests approve');
  });
});
