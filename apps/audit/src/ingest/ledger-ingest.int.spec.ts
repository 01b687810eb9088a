import type { LogRecord } from '#libs/event-log/port.js';
import { connectClient } from '#libs/postgres/client.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import {
  clockAt,
  eventBytes,
  PRODUCER,
  recordAt,
  recordsFrom,
  testLedger,
  type TestLedger,
} from '../testing/test-ledger.js';

const P0 = { topic: 'statements', partition: 0 } as const;
const P1 = { topic: 'statements', partition: 1 } as const;

let postgres: TemporaryPostgres;
let ledger: TestLedger;

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
}, 60_000);
afterAll(() => postgres.dispose());
beforeEach(async () => {
  ledger = await testLedger(postgres);
});
afterEach(() => ledger.close());

interface Row {
  chain: string;
  seq: string;
  type: string;
  event_id: string;
  payload: Buffer;
}

const rows = (): Promise<Row[]> =>
  ledger.pool.query<Row>(
    `SELECT c.name AS chain, e.seq::text, e.type, e.event_id::text, p.payload FROM ledger.entries e
     JOIN ledger.chains c USING (chain) JOIN ledger.payloads p USING (chain, seq) ORDER BY chain, e.seq`,
  );

const signAndVerify = async (): Promise<unknown> => {
  const signer = await ledger.signer();
  await signer.start();
  await signer.stop();
  return verifyLedger({ url: ledger.adminUrl, trustFolder: ledger.trustFolder });
};

const clean = (entries: number) => ({ verdict: 'OK', entries, findings: [] });

describe('ingest', () => {
  it('seals every record once, in order, whatever the batches', async () => {
    const ingest = ledger.ingest();
    expect(await ingest.claim(P0)).toBe(0n);
    const records = recordsFrom(0, 1_300);
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 300],
      [300, 1_300],
    ] as const)
      expect(await ingest.handle(P0, records.slice(from, to))).toBe('stored');
    const sealed = await rows();
    expect(sealed.map((row) => row.payload.toString())).toEqual(records.map((r) => r.value?.toString()));
    expect(sealed.map((row) => row.seq)).toEqual(records.map((_, index) => String(index)));
    expect(await signAndVerify()).toEqual(clean(1_300));
  });

  it('carries on after a restart where the ledger ends', async () => {
    const first = ledger.ingest();
    await first.claim(P0);
    await first.handle(P0, recordsFrom(0, 700));
    const second = ledger.ingest();
    expect(await second.claim(P0)).toBe(700n);
    expect(await second.handle(P0, recordsFrom(700, 10))).toBe('stored');
    expect(await signAndVerify()).toEqual(clean(710));
  });

  it('stores nothing twice when the answer of a commit was lost and the records come again', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    const records = recordsFrom(0, 10);
    await ingest.handle(P0, records);
    // The claim is fresh: as after a crash between the commit and the word to the event log.
    const again = ledger.ingest();
    expect(await again.claim(P0)).toBe(10n);
    expect(await again.handle(P0, [...records, ...recordsFrom(10, 2)])).toBe('stored');
    expect(await again.handle(P0, records)).toBe('stored');
    expect(await rows()).toHaveLength(12);
    expect(await signAndVerify()).toEqual(clean(12));
  });

  it('fences the older of two writers on one chain; nothing is lost, nothing twice', async () => {
    const old = ledger.ingest();
    const young = ledger.ingest();
    await old.claim(P0);
    await old.handle(P0, recordsFrom(0, 5));
    await young.claim(P0);
    const next = recordsFrom(5, 5);
    expect(await old.handle(P0, next)).toBe('fenced');
    expect(await old.handle(P0, next)).toBe('fenced');
    expect(await young.handle(P0, next)).toBe('stored');
    expect(await rows()).toHaveLength(10);
    expect(await signAndVerify()).toEqual(clean(10));
  });

  it('lets two writers that fight over a chain seal each record once', async () => {
    const records = recordsFrom(0, 200);
    const writer = async (): Promise<void> => {
      const ingest = ledger.ingest();
      for (;;) {
        const from = Number(await ingest.claim(P0));
        if (from >= records.length) return;
        for (let at = from; at < records.length; at += 7)
          if ((await ingest.handle(P0, records.slice(at, at + 7))) === 'fenced') break;
      }
    };
    await Promise.all([writer(), writer(), writer()]);
    const sealed = await rows();
    expect(sealed.map((row) => row.payload.toString())).toEqual(records.map((r) => r.value?.toString()));
    expect(await signAndVerify()).toEqual(clean(200));
  });

  it('seals what is no event as poison, with its bytes, and goes on', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    const bad: (Buffer | null)[] = [
      null,
      Buffer.alloc(0),
      Buffer.from('{"id":'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('{}'),
      eventBytes(0, { type: 'poison.sealed' }),
      eventBytes(0, { type: `a.${'b'.repeat(300)}` }),
      eventBytes(0, { time: '2026-99-99T10:00:00.000Z' }),
      eventBytes(0, { id: '0198c5a0-0000-8000-8000-000000000001' }),
      eventBytes(0, { producer: '00000000-0000-0000-0000-000000000000' }),
      eventBytes(0, { tenant: 'nul\u0000' }),
      eventBytes(0, { schemaVersion: 2 ** 40 }),
    ];
    const records = [
      ...bad.map((value, index) => recordAt(index, value)),
      recordAt(bad.length, eventBytes(0)),
    ];
    expect(await ingest.handle(P0, records)).toBe('stored');
    const sealed = await rows();
    expect(sealed.map((row) => row.type)).toEqual([...bad.map(() => 'poison.sealed'), 'session.closed']);
    expect(sealed.slice(0, -1).map((row) => row.payload)).toEqual(
      bad.map((value) => value ?? Buffer.alloc(0)),
    );
    expect(await signAndVerify()).toEqual(clean(bad.length + 1));
  });

  it('stores payloads of any size aside, by their hash, and holds nothing up for them', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    // The largest that the event log takes, and what a foreign broker with a higher limit might hand over.
    const sizes = [10, 65_535, 65_536, 1_000_000, 9_000_000, 12_000_000, 10];
    const records = sizes.map((size, seq) => recordAt(seq, eventBytes(seq, { text: 'x'.repeat(size) })));
    expect(await ingest.handle(P0, records)).toBe('stored');
    const sealed = await ledger.pool.query<{ entry: number; payload: Buffer }>(
      'SELECT octet_length(e.entry) AS entry, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq) ORDER BY seq',
    );
    expect(sealed.map(({ payload }) => payload.equals(records.shift()?.value as Buffer))).toEqual(
      sizes.map(() => true),
    );
    for (const { entry } of sealed) expect(entry).toBeLessThan(400);
    expect(await signAndVerify()).toEqual(clean(sizes.length));
  });

  it('seals an event of a type it does not know under its own id', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, [recordAt(0, eventBytes(0, { type: 'future.invented', anything: [1] }))]);
    expect((await rows()).map((row) => row.type)).toEqual(['future.invented']);
    expect(await signAndVerify()).toEqual(clean(1));
  });

  it('seals an event delivered twice once, and the second record as a pointer to the first', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.claim(P1);
    const event = eventBytes(0);
    await ingest.handle(P0, [recordAt(0, event), recordAt(1, event)]);
    await ingest.handle(P0, [recordAt(2, event)]);
    await ingest.handle(P1, [recordAt(0, event, 1)]);
    const sealed = await rows();
    expect(sealed.map((row) => row.type)).toEqual([
      'session.closed',
      'duplicate.sealed',
      'duplicate.sealed',
      'duplicate.sealed',
    ]);
    const { id } = JSON.parse(event.toString()) as { id: string };
    for (const row of sealed.slice(1))
      expect(JSON.parse(row.payload.toString())).toMatchObject({
        duplicateOf: { eventId: id, chain: 'statements/0', seq: 0 },
      });
    expect(await signAndVerify()).toEqual(clean(4));
  });

  it('does not let another event take a sealed id, nor be stopped by it', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    const id = '0198c5a0-0000-7000-8000-00000000abcd';
    await ingest.handle(P0, [recordAt(0, eventBytes(0, { id })), recordAt(1, eventBytes(1, { id }))]);
    await ingest.handle(P0, [recordAt(2, eventBytes(1, { id })), recordAt(3, eventBytes(1))]);
    expect((await rows()).map((row) => row.type)).toEqual([
      'session.closed',
      'poison.sealed',
      'poison.sealed',
      'session.closed',
    ]);
    expect(await signAndVerify()).toEqual(clean(4));
  });

  it('reports gaps and regressions of a producer, and the verifier finds the same', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    const numbers = [0, 1, 3, 4, 2, 5];
    await ingest.handle(
      P0,
      numbers.map((number, offset) => recordAt(offset, eventBytes(number))),
    );
    const found = await ledger.pool.query('SELECT seq::int, kind, detail FROM ledger.findings ORDER BY seq');
    expect(found).toEqual([
      { seq: 2, kind: 'SOURCE_GAP', detail: `producer ${PRODUCER}: number 3 where 2 was due` },
      { seq: 5, kind: 'SOURCE_REGRESSION', detail: `producer ${PRODUCER}: number 2 where 5 was due` },
    ]);
    expect(await signAndVerify()).toMatchObject({
      verdict: 'TAMPERED',
      findings: [
        { kind: 'SOURCE_GAP', chain: 'statements/0', seq: 2 },
        { kind: 'SOURCE_REGRESSION', chain: 'statements/0', seq: 5 },
      ],
    });
  });

  it('seals what was out of sequence behind the event that shows it, once, whoever seals the record', async () => {
    const numbers = [0, 1, 3, 4, 2, 5];
    const records = numbers.map((number, offset) => recordAt(offset, eventBytes(number)));
    const [first, second] = [ledger.ingest(), ledger.ingest()];
    await first.claim(P0);
    await first.handle(P0, records.slice(0, 3));
    // The word to the event log was lost, and another instance takes over: the gap's record comes again.
    await second.claim(P0);
    expect(await first.handle(P0, records)).toBe('fenced');
    expect(await second.handle(P0, records)).toBe('stored');
    const third = ledger.ingest();
    expect(await third.claim(P0)).toBe(6n);
    expect(await third.handle(P0, records)).toBe('stored');
    const sealed = await rows();
    expect(sealed.map(({ type }) => type)).toEqual([
      'session.closed',
      'session.closed',
      'session.closed',
      'gap.sealed',
      'session.closed',
      'session.closed',
      'regression.sealed',
      'session.closed',
    ]);
    expect(JSON.parse(String(sealed[3]?.payload))).toEqual({
      sequence: {
        producer: PRODUCER,
        topic: 'statements',
        partition: 0,
        expected: 2,
        found: 3,
        shownBy: { eventId: sealed[2]?.event_id, seq: 2 },
      },
    });
    expect(JSON.parse(String(sealed[6]?.payload))).toMatchObject({
      sequence: { expected: 5, found: 2, shownBy: { seq: 5 } },
    });
    expect(await signAndVerify()).toMatchObject({
      findings: [{ kind: 'SOURCE_GAP' }, { kind: 'SOURCE_REGRESSION' }],
    });
  });

  it('takes holes in the offsets for what they are', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, [recordAt(3, eventBytes(0)), recordAt(9, eventBytes(1))]);
    expect(await ledger.ingest().claim(P0)).toBe(10n);
    expect(await signAndVerify()).toEqual(clean(2));
  });

  it('halts a chain whose event log went back, and says so', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, [recordAt(0, eventBytes(0), 0, 'statements', 5)]);
    await expect(ingest.handle(P0, [recordAt(1, eventBytes(1), 0, 'statements', 4)])).rejects.toMatchObject({
      code: 'SOURCE_REGRESSION',
    });
    expect(ingest.problem()).toContain('leader epoch 4');
    const shrunk = ledger.ingest({
      log: { clusterId: 'test-cluster', topicId: (topic) => topic, endOffset: () => Promise.resolve(0n) },
    });
    await expect(shrunk.claim(P0)).rejects.toMatchObject({ code: 'SOURCE_REGRESSION' });
  });

  it('begins at 0 in another event log, on the same chain', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 3));
    const other = '0198c5a0-0000-7000-8000-0000000000cc';
    const moved = ledger.ingest({
      log: { clusterId: 'another', topicId: (topic) => topic, endOffset: () => Promise.resolve(9n) },
    });
    expect(await moved.claim(P0)).toBe(0n);
    await moved.handle(P0, [recordAt(0, eventBytes(0, { producer: other }))]);
    expect(await ledger.ingest().claim(P0)).toBe(3n);
    expect(await signAndVerify()).toEqual(clean(4));
  });

  it('never records a time before the one before', async () => {
    const clock = clockAt(1_800_000_000_000);
    const ingest = ledger.ingest({ clock });
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 1));
    clock.set(1_700_000_000_000);
    await ingest.handle(P0, recordsFrom(1, 1));
    const times = await ledger.pool.query<{ at: string }>(
      'SELECT recorded_at::text AS at FROM ledger.entries',
    );
    expect(times.map(({ at }) => at)).toEqual(['1800000000000000', '1800000000000000']);
    expect(await signAndVerify()).toEqual(clean(2));
  });

  it('drops what it knows after a lost connection and reads it again', async () => {
    const ingest = ledger.ingest();
    await ingest.claim(P0);
    await ingest.handle(P0, recordsFrom(0, 2));
    const admin = await connectClient(ledger.adminUrl, 'test');
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await admin.end();
    const deliver = async (records: LogRecord[]): Promise<void> => {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        try {
          await ingest.claim(P0);
          if ((await ingest.handle(P0, records)) === 'stored') return;
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
      throw new Error('never stored');
    };
    await deliver(recordsFrom(2, 3));
    expect(await rows()).toHaveLength(5);
    expect(await signAndVerify()).toEqual(clean(5));
  });
});
