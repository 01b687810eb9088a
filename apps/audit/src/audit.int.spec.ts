import { createServer, request, type Server } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { partitionOf } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLog, EventLogProducer } from '#libs/event-log/port.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import { connectClient } from '#libs/postgres/client.js';
import { migrate } from '#libs/postgres/migrate.js';
import { eventually } from '#libs/testing/eventually.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { openCheckpoint } from '#libs/tlog/checkpoint.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import { decodeEntry } from '#libs/tlog/entry.js';
import { decodeBundle } from '#libs/tlog/entry-bundle.js';
import { leafHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { parseVkey, type NoteVerifier } from '#libs/tlog/vkey.js';
import { keyInMemory } from './checkpoints/checkpoint-key.js';
import type { AuditConfig } from './config.js';
import { startAudit, type Audit } from './start-audit.js';
import { eventBytes, loginOf, privateKey, PRODUCER, silent } from './testing/test-ledger.js';

const P = partitionOf('statements', PRODUCER);
const CHAIN = `statements/${P}`;
const REQUEST = '0198c5a0-0000-7000-8000-0000000000d1';

let postgres: TemporaryPostgres;
let home: string;
let idp: Server;
let config: AuditConfig;
let eventLog: EventLog;
let producer: EventLogProducer;
let audit: Audit;
let keys: { privateKey: CryptoKey; publicKey: CryptoKey };
let sent = 0;
/** The producer's numbers: poison takes none. */
let numbered = 0;

const token = (name: string, groups: string[]): Promise<string> =>
  new SignJWT({ preferred_username: name, groups })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(config.issuer)
    .setAudience('countersign-api')
    .setSubject(name)
    .setExpirationTime('5m')
    .sign(keys.privateKey);

const get = async (
  where: string,
  as?: [string, string[]],
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${audit.url}${where}`, {
    headers: { ...headers, ...(as === undefined ? {} : { authorization: `Bearer ${await token(...as)}` }) },
  });

const CAROL: [string, string[]] = ['carol', ['compliance']];
const ALICE: [string, string[]] = ['alice', ['engineering']];
const BOB: [string, string[]] = ['bob', ['dba']];

interface Page {
  events: Record<string, unknown>[];
  next_cursor: string;
  has_more: boolean;
}
const feed = async (query: string, as = CAROL): Promise<Page> =>
  (await (await get(`/v1/events${query}`, as)).json()) as Page;

const send = async (
  count: number,
  fields: (n: number) => Record<string, unknown> = () => ({}),
): Promise<void> => {
  const records = Array.from({ length: count }, () => ({
    topic: 'statements' as const,
    partition: P,
    key: PRODUCER,
    value: eventBytes(numbered++, fields(sent++)),
  }));
  await producer.append(records);
};

const sealedAll = (): Promise<void> =>
  eventually(async () => {
    const note = await (await get(`/logs/${CHAIN}/checkpoint`)).text();
    expect(note.split('\n')[1]).toBe(String(sent));
  });

const startLog = async (): Promise<void> => {
  eventLog = await openEventLog(config.eventLog, {
    applicationName: 'test',
    logger: silent,
    sessionTimeoutMs: 2_000,
  });
  await eventLog.ensureTopics();
};

const start = (): Promise<Audit> =>
  startAudit(config, {
    eventLog,
    clock: systemClock,
    newId,
    logger: silent,
    onFatal: (error) => {
      throw error;
    },
  });

beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  home = await mkdtemp(path.join(tmpdir(), 'countersign-audit-'));
  const adminUrl = postgres.adminUrl();
  await migrate(adminUrl, path.resolve('deploy/migrations'), ['roles', 'event-log', 'audit']);
  const databaseUrl = await loginOf(adminUrl, 'countersign_audit', 'audit_login');
  keys = await generateKeyPair('ES256');
  const port = await freePort();
  idp = createServer((request, reply) => {
    reply.setHeader('content-type', 'application/json');
    const issuer = `http://127.0.0.1:${port}`;
    if (request.url?.startsWith('/.well-known/'))
      reply.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }));
    else
      void exportJWK(keys.publicKey).then((jwk) =>
        reply.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k', alg: 'ES256' }] })),
      );
  });
  await new Promise<void>((resolve) => idp.listen(port, '127.0.0.1', resolve));
  config = {
    tenant: 'default',
    issuer: `http://127.0.0.1:${port}`,
    databaseUrl,
    eventLog: { kind: 'embedded', databaseUrl: adminUrl },
    logLevel: 'silent',
    host: '127.0.0.1',
    port: await freePort(),
    publicUrl: undefined,
    ledgerKey: keyInMemory(privateKey),
    origin: 'localhost/countersign',
    trustFolder: path.join(home, 'trust'),
    eventLogKeepMs: undefined,
  };
  await startLog();
  producer = await eventLog.producer();
  audit = await start();
  await send(300);
  await send(3, () => ({
    requestId: REQUEST,
    type: 'statement.intent-recorded',
    target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
    statement: {
      text: 'ALTER TABLE customers ADD COLUMN tier text',
      sha256: 'ab'.repeat(32),
      bytes: 42,
      kind: 'ALTER TABLE',
      kinds: ['ALTER TABLE'],
      category: 'ddl',
    },
    protocol: 'simple',
    verdict: {
      effect: 'review',
      rule: 'schema-change',
      reason: 'r',
      policyVersion: 1,
      policyHash: 'cd'.repeat(32),
    },
    recording: 'strict',
  }));
  await sealedAll();
}, 60_000);

afterAll(async () => {
  await audit.stop();
  await eventLog.close();
  await new Promise((resolve) => idp.close(resolve));
  await postgres.dispose();
  await rm(home, { recursive: true, force: true });
}, 30_000);

describe('the feed', () => {
  it('gives every event once, in order, whatever the page size', async () => {
    const seqs: unknown[] = [];
    let after = '';
    for (let pages = 0; pages < 100; pages += 1) {
      const page = await feed(`?limit=37${after}`);
      seqs.push(...page.events.map((event) => event['seq']));
      after = `&after=${page.next_cursor}`;
      if (!page.has_more) break;
    }
    expect(seqs).toEqual(Array.from({ length: sent }, (_, index) => index));
    const cursor = after;
    expect((await feed(`?limit=37${cursor}`)).events).toEqual([]);
    await send(1);
    await sealedAll();
    expect((await feed(`?limit=37${cursor}`)).events).toMatchObject([
      { seq: sent - 1, chain: CHAIN, producer: PRODUCER },
    ]);
  });

  it('filters by request, session, type and identity', async () => {
    const found = (await feed(`?requestId=${REQUEST}`)).events;
    expect(found).toMatchObject([{ requestId: REQUEST }, { requestId: REQUEST }, { requestId: REQUEST }]);
    expect((await feed('?type=statement.intent-recorded')).events).toHaveLength(3);
    expect((await feed('?identity=nobody')).events).toEqual([]);
    expect((await feed('?sessionId=0198c5a0-0000-7000-8000-0000000000bb&limit=5')).events).toHaveLength(5);
    expect((await feed(`?request=${REQUEST}`)).events).toEqual(found);
    expect((await feed('?session=0198c5a0-0000-7000-8000-0000000000bb&limit=5')).events).toHaveLength(5);
    // The events of these tests say 10:00, whenever they were sealed.
    const at = (time: string): string => encodeURIComponent(`2026-11-21T${time}`);
    expect((await feed(`?since=${at('10:00:00Z')}&limit=1000`)).events).toHaveLength(sent);
    expect((await feed(`?until=${at('10:00:00.000Z')}`)).events).toEqual([]);
    expect(
      (await feed(`?since=${at('11:59:59+02:00')}&until=${at('10:00:01Z')}&limit=5`)).events,
    ).toHaveLength(5);
    const [event] = found as [Record<string, unknown>];
    expect(await (await get(`/v1/events/${String(event['id'])}`, CAROL)).json()).toEqual(event);
  });

  it('shows compliance everything, others what is their own, strangers nothing', async () => {
    expect((await get('/v1/events')).status).toBe(401);
    expect((await get('/v1/changes')).status).toBe(401);
    expect((await get('/v1/changes', ALICE)).status).toBe(403);
    expect((await feed('?limit=1000', ALICE)).events).toHaveLength(sent);
    expect((await feed('?limit=1000', BOB)).events).toEqual([]);
    expect((await get('/v1/events?identity=alice', BOB)).status).toBe(403);
    expect((await get(`/v1/events?requestId=${REQUEST}`, BOB)).status).toBe(403);
    expect((await feed(`?requestId=${REQUEST}`, ALICE)).events).toHaveLength(3);
    const id = String((await feed('?limit=1')).events[0]?.['id']);
    expect((await get(`/v1/events/${id}`, ALICE)).status).toBe(200);
    expect((await get(`/v1/events/${id}`, BOB)).status).toBe(403);
    expect((await get(`/v1/events/${newId()}`, BOB)).status).toBe(403);
    expect((await get(`/v1/events/${newId()}`, CAROL)).status).toBe(404);
  });

  it('refuses parameters it does not know', async () => {
    for (const query of [
      '?limit=0',
      '?limit=1001',
      '?limit=x',
      '?after=!',
      '?after=e30x',
      '?format=ocsf',
      '?unknown=1',
      '?requestId=1',
      '?request=1',
      `?request=${REQUEST}&requestId=${REQUEST}`,
      '?session=x',
      '?since=yesterday',
      '?since=2026-11-21',
      '?until=2026-99-21T10:00:00Z',
    ])
      expect([query, (await get(`/v1/events${query}`, CAROL)).status]).toEqual([query, 400]);
  });
});

describe('the logs', () => {
  it('are named with origin, URL and key, size 0 included', async () => {
    const { logs } = (await (await get('/v1/logs')).json()) as {
      logs: { origin: string; url: string; vkey: string }[];
    };
    expect(logs).toHaveLength(17);
    for (const { origin, url, vkey } of logs) {
      const log = parseVkey(vkey) as NoteVerifier;
      expect(log.name).toBe(origin);
      const reply = await fetch(`${url}checkpoint`);
      expect(reply.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(openCheckpoint(Buffer.from(await reply.arrayBuffer()), log).ok).toBe(true);
    }
  });

  it('give a stranger all that is needed to recompute the root', async () => {
    const { logs } = (await (await get('/v1/logs')).json()) as {
      logs: { origin: string; url: string; vkey: string }[];
    };
    const { url, vkey } = logs.find(({ origin }) => origin.endsWith(CHAIN)) as (typeof logs)[number];
    const opened = openCheckpoint(
      Buffer.from(await (await fetch(`${url}checkpoint`)).arrayBuffer()),
      parseVkey(vkey) as NoteVerifier,
    );
    if (!opened.ok) throw new Error(opened.problem);
    const { size, root } = opened.checkpoint;
    const range = CompactRange.empty();
    const partial = Number(size) - 256;
    for (const place of ['000', `001.p/${partial}`]) {
      const reply = await fetch(`${url}tile/entries/${place}`);
      expect(reply.headers.get('content-type')).toBe('application/octet-stream');
      expect(reply.headers.get('cache-control')).toBe('max-age=31536000, immutable');
      const entries = decodeBundle(Buffer.from(await reply.arrayBuffer())) as Buffer[];
      const tile = Buffer.from(await (await fetch(`${url}tile/0/${place}`)).arrayBuffer());
      expect(tile.equals(Buffer.concat(entries.map(leafHash)))).toBe(true);
      for (const entry of entries) range.append(leafHash(entry));
    }
    expect(range.size).toBe(size);
    expect(range.root()).toEqual(root);
    const above = Buffer.from(await (await fetch(`${url}tile/1/000.p/1`)).arrayBuffer());
    expect(above).toEqual(range.hashes[0]);
  });

  it('answer 404, never cached, for what is not there, and a full path never with a partial tile', async () => {
    for (const place of [
      'tile/0/001',
      'tile/0/000.p/0',
      'tile/0/00',
      'tile/2/000.p/1',
      'tile/0/002.p/1',
      'tile/64/000',
      'tile/entries/001',
      'tile/0/%30%30%30',
      'tile/0/000?x=1',
    ]) {
      const reply = await get(`/logs/${CHAIN}/${place}`);
      expect([place, reply.status, reply.headers.get('cache-control')]).toEqual([place, 404, 'no-store']);
    }
    expect((await get('/logs/statements/9/checkpoint')).status).toBe(404);
    expect((await get('/logs/nothing/0/tile/0/000')).status).toBe(404);
    expect((await get(`/logs/${CHAIN}/tile/0/000.p/255`)).status).toBe(200);
  });

  it('answer 304 to who has the very bytes, from any origin, and HEAD as GET', async () => {
    for (const place of ['checkpoint', 'genesis', 'tile/0/000', 'tile/0/001.p/1', 'tile/entries/000']) {
      const where = `/logs/${CHAIN}/${place}`;
      const first = await get(where);
      const tag = first.headers.get('etag') as string;
      expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
      expect(first.headers.get('access-control-allow-origin')).toBe('*');
      expect((await first.arrayBuffer()).byteLength).toBeGreaterThan(0);
      for (const known of [tag, `"x", W/${tag}`]) {
        const again = await get(where, undefined, { 'if-none-match': known });
        expect([place, again.status, (await again.arrayBuffer()).byteLength]).toEqual([place, 304, 0]);
      }
      expect((await get(where, undefined, { 'if-none-match': '"x"' })).status).toBe(200);
      const head = await fetch(`${audit.url}${where}`, { method: 'HEAD' });
      expect([head.status, head.headers.get('etag')]).toEqual([200, tag]);
    }
    expect((await get(`/logs/${CHAIN}/checkpoint`)).headers.get('cache-control')).toBe('no-cache');
  });

  it('compress bundles for clients that take it', async () => {
    const where = new URL(`${audit.url}/logs/${CHAIN}/tile/entries/000`);
    const plain = Buffer.from(
      await (await fetch(where, { headers: { 'accept-encoding': 'identity' } })).arrayBuffer(),
    );
    const zipped = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      request(where, { headers: { 'accept-encoding': 'gzip' } }, (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('end', () =>
          resolve({ encoding: reply.headers['content-encoding'], body: Buffer.concat(parts) }),
        );
      })
        .on('error', reject)
        .end();
    });
    expect(zipped.encoding).toBe('gzip');
    expect(gunzipSync(zipped.body).equals(plain)).toBe(true);
  });
});

describe('the register of changes', () => {
  it('has what changes something, and who decided', async () => {
    await eventually(async () => {
      const { changes, stopped } = (await (await get('/v1/changes?limit=2', CAROL)).json()) as {
        changes: Record<string, unknown>[];
        stopped: unknown[];
      };
      expect(stopped).toEqual([]);
      expect(changes).toHaveLength(2);
      expect(changes[0]).toMatchObject({
        who: { name: 'alice' },
        target: { name: 'shop' },
        statement: { kind: 'ALTER TABLE', text: 'ALTER TABLE customers ADD COLUMN tier text' },
        verdict: { rule: 'schema-change', effect: 'review' },
        decision: null,
        outcome: null,
      });
    });
  });

  it('takes decisions and outcomes whenever they come', async () => {
    const [intent] = (await feed(`?requestId=${REQUEST}`)).events as [Record<string, unknown>];
    const common = { producer: '0198c5a0-0000-7000-8000-0000000000ac', requestId: REQUEST };
    await producer.append([
      {
        topic: 'approvals',
        partition: partitionOf('approvals', REQUEST),
        key: REQUEST,
        value: eventBytes(0, {
          ...common,
          type: 'request.granted',
          decidedBy: ['bob'],
          digest: 'ab'.repeat(32),
          grantExpiresAt: '2026-11-21T10:10:00.000Z',
        }),
      },
    ]);
    await send(1, () => ({
      type: 'statement.outcome-recorded',
      requestId: REQUEST,
      intentId: intent['id'],
      outcome: 'completed',
      durationMs: 3,
    }));
    await eventually(async () => {
      const { changes } = (await (await get('/v1/changes', CAROL)).json()) as {
        changes: Record<string, unknown>[];
      };
      expect(changes.find((change) => change['intentId'] === intent['id'])).toMatchObject({
        decision: { decision: 'granted', decidedBy: ['bob'] },
        outcome: { outcome: 'completed' },
      });
    });
  });

  it('stands still at a record it cannot read, on that chain only, until an operator passes it over', async () => {
    await producer.append([
      { topic: 'statements', partition: P, key: PRODUCER, value: Buffer.from('not an event') },
    ]);
    const poison = sent;
    sent += 1;
    const next = eventBytes(numbered++, { type: 'session.closed' });
    await producer.append([{ topic: 'statements', partition: P, key: PRODUCER, value: next }]);
    sent += 1;
    const stoppedAt = async (): Promise<unknown> =>
      ((await (await get('/v1/changes', CAROL)).json()) as { stopped: unknown }).stopped;
    await eventually(async () => expect(await stoppedAt()).toMatchObject([{ chain: CHAIN, seq: poison }]));
    await sealedAll();
    const admin = await connectClient(postgres.adminUrl(), 'test');
    await admin.query(
      `INSERT INTO projections.passed_over SELECT 'changes_v1', chain, $2, 'carol', 'seen' FROM ledger.chains WHERE name = $1`,
      [CHAIN, poison],
    );
    await admin.end();
    await eventually(async () => expect(await stoppedAt()).toEqual([]));
  });
});

describe('the service', () => {
  it('is ready, and says what it measures', async () => {
    expect((await get('/healthz')).status).toBe(200);
    const ready = await get('/readyz');
    expect([ready.status, await ready.json()]).toEqual([200, expect.objectContaining({ ready: true })]);
    expect(await (await get('/metrics')).text()).toContain(`countersign_audit_sealed_total{chain="${CHAIN}"`);
    expect(((await (await get('/openapi.json')).json()) as { openapi: string }).openapi).toBe('3.1.0');
  });

  it('stops, starts again where it was, and the ledger verifies', async () => {
    await sealedAll();
    await audit.stop();
    const pinned = await readFile(
      path.join(config.trustFolder, 'checkpoints', `statements-${P}.note`),
      'utf8',
    );
    expect(pinned.split('\n')[1]).toBe(String(sent));
    audit = await start();
    await send(5);
    await sealedAll();
    const report = await verifyLedger({ url: postgres.adminUrl(), trustFolder: config.trustFolder });
    expect(report.findings).toEqual([]);
    expect(report.entries).toBe(sent + 1);
  }, 60_000);
});

describe('the payloads of a log', () => {
  const where = (seq: string, query = ''): string => `/v1/logs/${CHAIN}/entries/${seq}${query}`;

  it('come with their salts as they are committed to, for compliance', async () => {
    const reply = await get(where('8', '?limit=4'), CAROL);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('cache-control')).toBe('no-store');
    const page = (await reply.json()) as { chain: string; entries: Record<string, string>[] };
    expect([page.chain, page.entries.map(({ seq }) => seq)]).toEqual([CHAIN, [8, 9, 10, 11]]);
    for (const sealed of page.entries) {
      const [entry, salt, payload] = ['entry', 'salt', 'payload'].map((name) =>
        Buffer.from(sealed[name] as string, 'base64'),
      ) as [Buffer, Buffer, Buffer];
      const decoded = decodeEntry(entry);
      expect(payloadCommitment(salt, payload)).toEqual(decoded?.payloadCommit);
      expect((JSON.parse(payload.toString()) as { id: string }).id).toBe(decoded?.eventId);
    }
    const one = (await (await get(where('0'), CAROL)).json()) as typeof page;
    expect(one.entries).toHaveLength(1);
    const last = (await (await get(where(String(sent - 1), '?limit=256'), CAROL)).json()) as typeof page;
    expect(last.entries).toHaveLength(1);
  });

  it('go to nobody else', async () => {
    expect((await get(where('1'))).status).toBe(401);
    expect((await get(where('1'), ALICE)).status).toBe(403);
    expect((await get(where('1'), BOB)).status).toBe(403);
  });

  it('are bounded, and absent where the log has no such entry', async () => {
    for (const query of ['?limit=0', '?limit=257', '?limit=x', '?all=1'])
      expect([query, (await get(where('1', query), CAROL)).status]).toEqual([query, 400]);
    for (const seq of [String(sent), '01', '-1', 'x', '99999999999999999'])
      expect([seq, (await get(where(seq), CAROL)).status]).toEqual([seq, 404]);
    expect((await get('/v1/logs/statements/9/entries/0', CAROL)).status).toBe(404);
  });
});
