import { newId } from '#libs/kernel/uuid.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { clockAt, eventBytes, recordAt, testLedger, type TestLedger } from '../testing/test-ledger.js';
import { findEvents, type FeedFilter } from './find-events.js';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MICROSECONDS = 1_000n;

const SESSIONS = [newId(), newId()];
const REQUESTS = [newId(), newId(), undefined];

/** Milliseconds from sealing to the event's own time, for some of every twenty events. */
const APART: Readonly<Record<number, number>> = {
  2: -9_999,
  3: -10_001,
  4: -2 * MINUTE,
  7: -5 * HOUR,
  11: 999,
  12: 1_001,
  13: 3 * HOUR,
};

interface Told {
  readonly chain: number;
  readonly seq: number;
  readonly recorded: number;
  readonly happened: number;
  readonly session: string | undefined;
  readonly request: string | undefined;
  readonly identity: string | undefined;
}

let postgres: TemporaryPostgres;
let ledger: TestLedger;
const told: Told[] = [];

/** 240 minutes of two chains: most events are sealed at once, some late, some came from the future, some are poison. */
beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  ledger = await testLedger(postgres);
  const clock = clockAt(START);
  const ingest = ledger.ingest({ clock });
  for (const partition of [0, 1]) {
    const at = { topic: 'statements', partition } as const;
    await ingest.claim(at);
    const chain = ledger.chains.find(({ name }) => name === `statements/${partition}`)?.chain as number;
    let number = 0;
    for (let seq = 0; seq < 240; seq += 1) {
      const recorded = START + seq * MINUTE;
      clock.set(recorded);
      const happened = recorded + (APART[seq % 20] ?? -50);
      const isPoison = seq % 20 === 17;
      const session = SESSIONS[seq % 2] as string;
      const request = REQUESTS[seq % 3];
      const name = `person${seq % 5}`;
      const event = eventBytes(isPoison ? number : number++, {
        producer: `0198c5a0-0000-7000-8000-00000000000${partition}`,
        time: new Date(happened).toISOString(),
        sessionId: session,
        requestId: request,
        identity: { name, kind: 'human', issuer: 'https://idp.example', subject: name, groups: [] },
      });
      await ingest.handle(at, [recordAt(seq, isPoison ? Buffer.from('poison') : event, partition)]);
      told.push({
        chain,
        seq,
        recorded,
        happened: isPoison ? recorded : happened,
        session: isPoison ? undefined : session,
        request: isPoison ? undefined : request,
        identity: isPoison ? undefined : name,
      });
    }
  }
}, 120_000);

afterAll(async () => {
  await ledger.close();
  await postgres.dispose();
});

const expected = (filter: FeedFilter): string[] =>
  told
    .filter(
      (event) =>
        (filter.sessionId === undefined || event.session === filter.sessionId) &&
        (filter.requestId === undefined || event.request === filter.requestId) &&
        (filter.identity === undefined || event.identity === filter.identity) &&
        (filter.since === undefined || BigInt(event.happened) * MICROSECONDS >= filter.since) &&
        (filter.until === undefined || BigInt(event.happened) * MICROSECONDS < filter.until),
    )
    .sort((a, b) => a.recorded - b.recorded || a.chain - b.chain || a.seq - b.seq)
    .map(({ chain, seq }) => `${chain}/${seq}`);

/** All pages, each behind the one before, as the feed reads them. */
async function found(filter: FeedFilter, limit: number): Promise<string[]> {
  const next = new Map(ledger.chains.map(({ chain }) => [chain, 0n]));
  const seen: string[] = [];
  for (;;) {
    const parts = [...next].map(([chain, from]) => ({ chain, next: from, end: 240n }));
    const page = await findEvents(ledger.pool.query, parts, limit, filter);
    for (const { chain, seq } of page) {
      seen.push(`${chain}/${seq}`);
      next.set(chain, BigInt(seq) + 1n);
    }
    if (page.length < limit) return seen;
  }
}

const at = (minutes: number): bigint => BigInt(START + minutes * MINUTE) * MICROSECONDS;

describe('a look-up', () => {
  it.each<[string, FeedFilter]>([
    ['everything', {}],
    ['a session', { sessionId: SESSIONS[0] }],
    ['a request', { requestId: REQUESTS[1] }],
    ['an identity', { identity: 'person3' }],
    ['since', { since: at(100) }],
    ['until', { until: at(100) }],
    ['a window', { since: at(30), until: at(45) }],
    ['a window before anything was recorded', { since: at(-10 * 60), until: at(-4 * 60) }],
    ['a window in the future', { since: at(5 * 60) }],
    ['an empty window', { since: at(50), until: at(50) }],
    ['a window the wrong way round', { since: at(60), until: at(50) }],
    ['an identity in a window', { identity: 'person2', since: at(10), until: at(200) }],
    ['a session in a window', { sessionId: SESSIONS[1], since: at(-300), until: at(20) }],
    ['all at once', { sessionId: SESSIONS[1], requestId: REQUESTS[0], identity: 'person3', since: at(3) }],
  ])('of %s finds all that match and nothing else, in order, page by page', async (_, filter) => {
    for (const limit of [7, 1_000]) expect(await found(filter, limit)).toEqual(expected(filter));
  });
});
