import fc from 'fast-check';
import { blocksProblem, liveTokens } from '#libs/testing/slack-emulator/block-limits.js';
import { sampleRequest } from '../testing/sample-request.js';
import { charactersOf, MAX_MESSAGE_CHARACTERS } from './block.js';
import { noticeMessage, requestMessage } from './request-message.js';
import type { MessageOptions, ShownRequest } from './shown-request.js';

const NOW = Date.parse('2026-05-04T10:00:00Z');
const OPTIONS: MessageOptions = { showSql: true, link: 'https://approvals.example.test', now: NOW };

const render = (request: ShownRequest, options: Partial<MessageOptions> = {}) =>
  requestMessage(request, { ...OPTIONS, ...options });
const textsOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, each]) =>
        name === 'text' && typeof each === 'string' ? [each] : textsOf(each),
      )
    : [];
const allText = (message: ReturnType<typeof render>): string =>
  [message.text, ...textsOf(message.blocks)].join('\n');
/** The statement as it stands in the code blocks. */
const shownStatement = (message: ReturnType<typeof render>): string =>
  textsOf(message.blocks)
    .filter((text) => text.startsWith('```'))
    .map((text) => text.slice(3, -3))
    .join('');
const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const withStatement = (statement: string): ShownRequest => sampleRequest({ statement });

describe('the message of a request', () => {
  it('says who, for whom, where, why, what it may do, why you, how many have signed and how long is left', () => {
    const text = allText(
      render(
        sampleRequest({
          statement: 'DELETE FROM customers',
          view: {
            requester: 'etl-agent',
            requesterKind: 'agent',
            onBehalfOf: 'alice',
            needed: 2,
            signals: {
              measuredAt: '2026-05-04T10:00:00Z',
              estimatedRows: 250,
              tableRows: 1000,
              share: 0.25,
              locks: [{ relation: 'public.customers', mode: 'RowExclusiveLock' }],
              locksHeld: [],
              reversible: 'no',
              personalData: ['public.customers.ssn'],
              rowCeiling: 'not-guaranteed',
              rowCeilingReason: 'a trigger',
            },
          },
        }),
      ),
    );
    for (const part of [
      '*Who* `etl-agent` (agent) on behalf of `alice`',
      '*Where* `shop` (`production`, database `shop`)',
      '*Why it waits* rule `schema-change`: `Schema changes are reviewed`',
      'DELETE FROM customers',
      'SHA-256 `' + 'ab'.repeat(32),
      'about 250 of 1,000 (25 %)',
      'RowExclusiveLock on public.customers',
      'public.customers.ssn',
      ':warning: no',
      'not guaranteed (`a trigger`)',
      '*Approvals* 0 of 2',
      '*Why you* the rule asks 1 of `dba`',
      '*Time left* 15 min',
    ])
      expect(text).toContain(part);
  });

  it.each([
    '<!channel>',
    '<!here>',
    '<@U0BOB>',
    '<#C0APPROVALS>',
    '<https://evil.example|Approve here>',
    '```*bold* `x`',
  ])('makes %s nothing but characters, wherever it stands', (hostile) => {
    const message = render(
      sampleRequest({
        statement: `SELECT '${hostile}'`,
        view: {
          requester: hostile,
          target: hostile,
          rule: hostile,
          reason: hostile,
          onBehalfOf: hostile,
          database: hostile,
        },
      }),
    );
    expect(textsOf(message.blocks).concat(message.text).flatMap(liveTokens)).toEqual([]);
    // No fence is closed from inside.
    for (const text of textsOf(message.blocks)) expect(text.split('```').length % 2).toBe(1);
  });

  it.each([
    ['a right-to-left override', "UPDATE t SET a = '\u202eevil'", '⟨U+202E⟩'],
    ['a zero-width space', 'DROP\u200bTABLE t', '⟨U+200B⟩'],
    ['a tag character', 'SELECT 1\u{e0041}', '⟨U+E0041⟩'],
    ['a NUL-like control', 'SELECT 1\u0007', '⟨U+0007⟩'],
    ['a no-break space', 'SELECT\u00a01', '⟨U+00A0⟩'],
    ['a lone surrogate', 'SELECT \ud800', '⟨U+D800⟩'],
  ])('writes %s out, says so, and attaches the exact text', (_, statement, shown) => {
    const message = render(withStatement(statement));
    expect(shownStatement(message)).toContain(shown);
    expect(allText(message)).toMatch(/cannot be seen/);
    expect(message.attach).toBe(true);
  });

  it('shows a statement whole as long as it fits', () => {
    const statement = Array.from(
      { length: 140 },
      (_, index) => `UPDATE t SET a = ${index} WHERE id = ${index} & 7;`,
    ).join('\n');
    expect(statement.length).toBeGreaterThan(5_000);
    const message = render(withStatement(statement));
    expect(unescaped(shownStatement(message))).toBe(statement);
    expect(message.attach).toBe(false);
  });

  it.each([2_993, 2_994, 2_999, 3_000, 3_001, 5_000, 7_999, 8_000, 8_001, 20_000, 1_000_000])(
    'stays within the limits at %d characters and never cuts in silence',
    (length) => {
      for (const filler of length > 20_000
        ? ['x', '\u202e']
        : ['x', '&', '<', 'é', '😀', '\u202e', '`', '\n']) {
        const statement = `BEGIN${filler.repeat(Math.ceil(length / filler.length)).slice(0, length - 12)}DROP t`;
        const message = render(withStatement(statement));
        expect(blocksProblem(message.blocks, 'message')).toBeUndefined();
        const shown = shownStatement(message);
        expect(shown).toContain('BEGIN');
        expect(shown).toContain('DROP t');
        const whole = unescaped(shown).replaceAll('ˋ', '`') === statement;
        if (!whole) expect(message.attach).toBe(true);
        if (allText(message).includes('are not shown here'))
          expect(allText(message)).toMatch(/attached in the thread/);
      }
    },
  );

  it('counts exactly the characters it leaves out', () => {
    const statement = `a${'é'.repeat(30_000)}z`;
    const message = render(withStatement(statement));
    const omitted = Number(
      /\*([0-9,]+) characters are not shown here/.exec(allText(message))?.[1]?.replaceAll(',', ''),
    );
    expect([...shownStatement(message)].length + omitted).toBe(statement.length);
  });

  it('keeps to every limit and stays inert, whatever stands in the request', () => {
    const evil = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc
        .array(fc.constantFrom('<!channel>', '<@U0BOB>', '```', '`', '*', '\u202e', '&', '\n', 'ab'), {
          maxLength: 400,
        })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(
        evil,
        evil,
        evil,
        fc.constantFrom('pending', 'granted', 'refused', 'consumed', 'revoked', 'cancelled'),
        (a, b, c, state) => {
          const name = { voter: b, group: c, decision: 'approve' as const, time: '2026-05-04T10:00:00Z' };
          const request = sampleRequest({
            statement: a,
            view: {
              state: state as 'pending',
              requester: b,
              target: c,
              rule: a,
              reason: b,
              endReason: c,
              revokedBy: b,
              decidedBy: Array.from({ length: 20 }, () => b),
              reviewers: Array.from({ length: 20 }, () => ({ group: c, count: 1 })),
              votes: Array.from({ length: 20 }, () => name),
              risk: {
                score: 100,
                level: 'critical' as const,
                reasons: Array.from({ length: 200 }, () => ({
                  rule: a.slice(0, 64),
                  score: 1,
                  reason: c.slice(0, 500),
                })),
                actions: [],
              },
              signals: {
                measuredAt: '2026-05-04T10:00:00Z',
                estimatedRows: null,
                tableRows: null,
                share: null,
                noEstimate: a.slice(0, 512),
                locks: Array.from({ length: 200 }, () => ({
                  relation: b.slice(0, 256),
                  mode: 'AccessExclusiveLock' as const,
                })),
                locksHeld: Array.from({ length: 200 }, () => ({
                  relation: c.slice(0, 256),
                  mode: 'AccessExclusiveLock' as const,
                })),
                reversible: 'unknown',
                personalData: Array.from({ length: 200 }, () => a.slice(0, 256)),
                rowCeiling: 'not-guaranteed',
                rowCeilingReason: b.slice(0, 512),
              },
            },
          });
          const message = render(request);
          expect(blocksProblem(message.blocks, 'message')).toBeUndefined();
          expect(charactersOf(message.blocks)).toBeLessThanOrEqual(MAX_MESSAGE_CHARACTERS);
          expect(message.text.length).toBeLessThanOrEqual(4_000);
          expect(textsOf(message.blocks).concat(message.text).flatMap(liveTokens)).toEqual([]);
          expect(message.blocks.some(({ type }) => type === 'actions')).toBe(state === 'pending');
          expect(blocksProblem(noticeMessage(request, 'Closed.').blocks, 'message')).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps statements out of Slack where that is wanted, and links instead', () => {
    const message = render(sampleRequest({ statement: "UPDATE customers SET ssn = '078-05-1120'" }), {
      showSql: false,
    });
    expect(allText(message)).not.toMatch(/078|UPDATE customers/);
    expect(allText(message)).toContain('<https://approvals.example.test/v1/requests/');
    expect(message.attach).toBe(false);
  });
});
