import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { countersign } from '#deploy/local/demo/command-line.js';
import { parseEvent, type AnyEvent } from '#libs/contracts/events/registry.js';
import type { EventLogProducer } from '#libs/event-log/port.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { newId } from '#libs/kernel/uuid.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { startTokenIssuer, type TokenIssuer } from '#libs/testing/token-issuer.js';
import { newSigningKey, SampleGateway, type Hold } from '../../apps/approvals/src/testing/sample-gateway.js';
import { PEOPLE, person } from '../../apps/approvals/src/testing/sample-people.js';
import { testPlatform, type TestPlatform } from '../../apps/approvals/src/testing/test-platform.js';
import { eventually } from '../e2e/eventually.js';
import { Replica } from './approvals-replicas/replica.js';

/** Rounds, each with one kill -9: more with COUNTERSIGN_KILLS. */
const KILLS = Number(process.env['COUNTERSIGN_KILLS'] ?? 3);
const REQUESTS_A_ROUND = 6;
const VOTERS = ['bob', 'dana', 'zoe'] as const;

const POLICY = `version: 1
default: allow
rules:
  - id: schema-change
    when: statement.category == 'ddl'
    effect: review
    reviewers: [{ group: dba, count: 2 }]
`;

describe('two replicas of approvals, of which one is killed again and again', () => {
  let folder: string;
  let platform: TestPlatform;
  let issuer: TokenIssuer;
  let producer: EventLogProducer;
  let replicas: readonly [Replica, Replica];
  const gateway = new SampleGateway();
  const policyHash = loadPolicy({ text: POLICY, file: 'test' }).hash;
  /** Every vote that was answered with success: (request, voter). */
  const counted: [string, string][] = [];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-replicas-'));
    platform = await testPlatform();
    issuer = await startTokenIssuer();
    const files = {
      COUNTERSIGN_GATEWAY_KEYS: gateway.key.publicPem,
      COUNTERSIGN_DECISION_SIGNING_KEY: newSigningKey().pem,
      COUNTERSIGN_DIRECTORY: JSON.stringify({ people: PEOPLE }),
      COUNTERSIGN_POLICY: POLICY,
    };
    const environment: Record<string, string> = {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: platform.approvalsUrl,
      COUNTERSIGN_OIDC_ISSUER: issuer.issuer,
      COUNTERSIGN_LOG_LEVEL: 'warn',
    };
    for (const [name, content] of Object.entries(files)) {
      environment[name] = path.join(folder, name);
      await writeFile(environment[name], content, { mode: 0o600 });
    }
    replicas = [new Replica(environment, await freePort()), new Replica(environment, await freePort())];
    await Promise.all(replicas.map((replica) => replica.start()));
    producer = await platform.adminLog.producer();
  }, 240_000);

  afterAll(async () => {
    await Promise.all((replicas ?? []).map((replica) => replica.kill()));
    await producer?.close();
    await issuer?.close();
    await platform?.dispose();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const tokenOf = (name: string): Promise<string> => {
    const { kind, groups } = person(name);
    const claims = { preferred_username: name, groups, countersign_kind: kind };
    return issuer.token(`sub-${name}`, 'countersign-api', claims);
  };

  /** Votes at either replica, with one key, until somebody answers; 409 means that others were first. */
  async function voteByHttp(hold: Hold, voter: string): Promise<void> {
    const key = newId();
    const authorization = `Bearer ${await tokenOf(voter)}`;
    let attempt = 0;
    const status = await eventually(`${voter} is answered`, 120_000, async () => {
      const { url } = replicas[(attempt += 1) % 2] as Replica;
      const answer = await fetch(`${url}/v1/requests/${hold.requestId}/votes`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ decision: 'approve' }),
      }).catch(() => undefined);
      return answer?.status === 200 || answer?.status === 409 ? answer.status : undefined;
    });
    if (status === 200) counted.push([hold.requestId, voter]);
  }

  async function voteByCommand(hold: Hold, voter: string): Promise<void> {
    const token = await tokenOf(voter);
    let attempt = 0;
    const ran = await eventually(`${voter}'s command is answered`, 120_000, async () => {
      const { url } = replicas[(attempt += 1) % 2] as Replica;
      const environment = {
        PATH: process.env['PATH'] ?? '',
        COUNTERSIGN_HOME: folder,
        COUNTERSIGN_TOKEN: token,
        COUNTERSIGN_APPROVALS_URL: url,
        COUNTERSIGN_AUDIT_URL: url,
      };
      const result = await countersign(environment, 'requests', 'approve', hold.requestId);
      return result.code === 0 || /already/.test(result.err) ? result : undefined;
    });
    if (ran.code === 0) counted.push([hold.requestId, voter]);
  }

  const eventsOf = async (topic: 'approvals' | 'decisions'): Promise<AnyEvent[]> => {
    const byId = new Map<string, AnyEvent>();
    for (const { value } of await platform.readTopic(topic)) {
      const parsed = parseEvent(value as Buffer);
      if (!parsed.ok) throw new Error(parsed.problem);
      byId.set(parsed.event.id, parsed.event);
    }
    return [...byId.values()];
  };

  it(
    'loses no vote and decides nothing twice',
    async () => {
      const holds: Hold[] = [];
      for (let round = 0; round < KILLS; round += 1) {
        const asked = Array.from({ length: REQUESTS_A_ROUND }, () => gateway.hold({ policyHash }));
        holds.push(...asked);
        await producer.append(asked.map((hold) => gateway.record(hold.asked)));
        const voting = asked.flatMap((hold, index) =>
          VOTERS.map((voter) =>
            index === 0 && voter === 'bob' ? voteByCommand(hold, voter) : voteByHttp(hold, voter),
          ),
        );
        const victim = replicas[round % 2] as Replica;
        await victim.kill();
        await victim.start();
        await Promise.all(voting);
      }

      const decided = await eventually('every decision is on the event log', 120_000, async () => {
        // Beside them is told how far the reviews have come.
        const decisions = (await eventsOf('decisions')).filter(({ type }) => type === 'decision.issued');
        return decisions.length >= holds.length ? decisions : undefined;
      });
      for (const { requestId } of holds) {
        const own = decided.filter((event) => event.requestId === requestId);
        expect(own.map(({ type }) => type)).toEqual(['decision.issued']);
      }
      expect(decided).toHaveLength(holds.length);

      const history = await eventually('the votes are on the event log', 120_000, async () => {
        const events = await eventsOf('approvals');
        const granted = events.filter(({ type }) => type === 'request.granted');
        return granted.length >= holds.length ? events : undefined;
      });
      const votes = history
        .filter((event) => event.type === 'request.vote-cast')
        .map((event) => `${event.requestId} ${event.voter.name}`);
      expect(new Set(votes).size).toBe(votes.length);
      for (const [requestId, voter] of counted) expect(votes).toContain(`${requestId} ${voter}`);
      expect(counted.length).toBeGreaterThanOrEqual(2 * holds.length);
      expect(history.filter(({ type }) => type === 'request.requested')).toHaveLength(holds.length);
    },
    120_000 + KILLS * 60_000,
  );
});
