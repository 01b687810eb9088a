import { OpenItems } from './open-items.js';
import { closingsOf } from './closing-events.js';
import type { DraftEvent, Spool } from './spool.js';
import { Drafts } from './temporary-spool.js';

const producer = '01890a5d-ac96-774b-bcce-b302099a8057';
const spool = { state: () => ({ producer }) } as unknown as Spool;

function closings(events: readonly DraftEvent[]) {
  const open = new OpenItems();
  for (const { event } of events) open.observe(event);
  let ids = 0;
  return closingsOf(open.snapshot(), {
    producer,
    newId: () => `00000000-0000-7000-8000-${String((ids += 1)).padStart(12, '0')}`,
    time: () => '2026-01-02T03:04:06.000Z',
  });
}

const written = (events: readonly DraftEvent[]): string[] =>
  closings(events).flatMap((closing) =>
    closing.events.map(({ event }) => [event.type, event['outcome'] ?? event['reason']].join(' ')),
  );

describe('what recovery writes', () => {
  const drafts = new Drafts(spool);
  const request = '00000000-0000-7000-8000-0000000000aa';
  const allowed = drafts.intent('allow');
  const denied = drafts.intent('deny');
  const held = drafts.intent('review', request);
  const asked = drafts.asked(held);
  const released = drafts.released(held);
  const outcome = 'statement.outcome-recorded';

  const table: [string, DraftEvent[], string[]][] = [
    [
      'nothing for a spool in which all has its end',
      [drafts.sessionOpened(), allowed, drafts.outcome(allowed), drafts.sessionClosed()],
      [],
    ],
    ['unknown for an allowed intent', [allowed], [`${outcome} unknown`]],
    ['refused for a denied intent', [denied], [`${outcome} refused`]],
    ['cancelled for an intent that was to be held, before it was asked', [held], [`${outcome} cancelled`]],
    [
      'cancelled for a held intent, and its review ends',
      [held, asked],
      [`${outcome} cancelled`, 'review.cancelled gateway-crash', 'review.concluded cancelled'],
    ],
    [
      'unknown for a released intent, and its review ends',
      [held, asked, released],
      [`${outcome} unknown`, 'review.concluded unknown'],
    ],
    [
      'only the end of a review whose intent has its outcome',
      [held, asked, released, drafts.outcome(held)],
      ['review.concluded completed'],
    ],
    [
      'only the end of a refused review',
      [held, asked, drafts.outcome(held, 'refused')],
      ['review.concluded refused'],
    ],
    [
      'both ends of a review whose intent was cancelled',
      [held, asked, drafts.outcome(held, 'cancelled')],
      ['review.cancelled gateway-crash', 'review.concluded cancelled'],
    ],
    [
      'the outcome that the review’s end already named',
      [held, asked, released, drafts.concluded(held, 'completed')],
      [`${outcome} completed`],
    ],
    [
      'cancelled where the review was cancelled',
      [held, asked, drafts.cancelled(held)],
      [`${outcome} cancelled`],
    ],
    [
      'the end of a session, after its statements',
      [drafts.sessionOpened(), allowed],
      [`${outcome} unknown`, 'session.closed gateway-crash'],
    ],
    [
      'the ends of several, in the order they began',
      [allowed, held, asked, denied],
      [
        `${outcome} unknown`,
        `${outcome} cancelled`,
        'review.cancelled gateway-crash',
        'review.concluded cancelled',
        `${outcome} refused`,
      ],
    ],
  ];
  it.each(table)('is %s', (_claim, events, expected) => {
    expect(written(events)).toEqual(expected);
  });

  it('ends an intent and its review in one append', () => {
    expect(closings([held, asked])).toHaveLength(1);
  });

  it('carries ids, causation and identity, and signs what goes to approvals', () => {
    const [closing] = closings([held, asked]);
    const [first, second, third] = closing?.events ?? [];
    expect(first).toMatchObject({
      topic: 'statements',
      key: producer,
      signed: false,
      event: {
        causationId: held.event.id,
        intentId: held.event.id,
        requestId: request,
        sessionId: drafts.sessionId,
        identity: { name: 'alice' },
      },
    });
    for (const draft of [second, third])
      expect(draft).toMatchObject({
        topic: 'requests',
        key: request,
        signed: true,
        event: {
          causationId: held.event.id,
          intentId: held.event.id,
          requestId: request,
          gatewayId: drafts.gatewayId,
        },
      });
  });

  it('is nothing once it was observed itself', () => {
    const events = [drafts.sessionOpened(), allowed, denied, held, asked];
    const all = [...events, ...closings(events).flatMap((closing) => closing.events)];
    expect(written(all)).toEqual([]);
  });

  it('is the same from a checkpoint', () => {
    const open = new OpenItems();
    for (const { event } of [drafts.sessionOpened(), allowed, held, asked, released]) open.observe(event);
    const restored = new OpenItems();
    restored.restore(JSON.parse(JSON.stringify(open.snapshot())) as ReturnType<OpenItems['snapshot']>);
    expect(JSON.stringify(restored.snapshot())).toBe(JSON.stringify(open.snapshot()));
  });
});
