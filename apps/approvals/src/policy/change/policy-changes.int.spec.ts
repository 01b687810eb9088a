import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { verifyEvent } from '#libs/contracts/event-signature.js';
import { parseEvent, type AnyEvent } from '#libs/contracts/events/registry.js';
import { systemClock } from '#libs/kernel/clock.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { eventually } from '#libs/testing/eventually.js';
import { testApprovals, type Answer, type TestApprovals } from '../../testing/test-approvals.js';
import { testPlatform, type TestPlatform } from '../../testing/test-platform.js';

const GUARD = 'policyChanges: { reviewers: [{ group: dba, count: 2 }], expires: 1h }\n';
const textOf = (version: number, author: string, more = GUARD): string =>
  `version: ${version}\ndefault: allow\nchange: { author: ${author}, reason: TICKET-${version} }\n${more}`;
const FIRST = textOf(1, 'alice');

let platform: TestPlatform;
let service: TestApprovals;
let folder: string;
let file: string;
let late = 0;
const clock = { ...systemClock, now: (): number => Date.now() + late };
beforeAll(async () => {
  platform = await testPlatform();
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-policy-change-'));
  file = path.join(folder, 'policy.yaml');
  await writeFile(file, FIRST);
  service = await testApprovals(platform, { policy: FIRST, policyFile: file, clock });
}, 60_000);
afterAll(async () => {
  await service?.dispose();
  await platform?.dispose();
  await rm(folder, { recursive: true });
}, 60_000);

const eventsOf = async (topic: 'control' | 'approvals'): Promise<AnyEvent[]> =>
  (await platform.readTopic(topic)).map(({ value }) => {
    const parsed = parseEvent(value as Buffer);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.event;
  });
const published = async (): Promise<AnyEvent[]> =>
  (await eventsOf('control')).filter(({ type }) => type === 'policy.published');
const rejected = async (): Promise<AnyEvent[]> =>
  (await eventsOf('control')).filter(({ type }) => type === 'policy.rejected');
const hashOf = (text: string): string => sha256Hex(Buffer.from(text));

const changes = async (state?: string): Promise<{ id: string; hash: string; state: string }[]> =>
  (await service.call('carol', 'GET', `/v1/policy/changes${state === undefined ? '' : `?state=${state}`}`))
    .body.changes;
const stateOf = async (id: string): Promise<string> =>
  (await service.call('carol', 'GET', `/v1/policy/changes/${id}`)).body.state;
const vote = (as: string | undefined, id: string, decision = 'approve', more: object = {}): Promise<Answer> =>
  service.call(as, 'POST', `/v1/policy/changes/${id}/votes`, { decision, ...more });
const inForce = async (): Promise<string> => (await service.call('carol', 'GET', '/v1/policy')).body.hash;

/** Writes the file, lets approvals look at it, and returns the change that waits for signatures. */
async function proposed(text: string): Promise<string> {
  await writeFile(file, text);
  await service.approvals.reloadPolicy();
  const [pending] = await changes('pending');
  expect(pending).toMatchObject({ hash: hashOf(text) });
  return pending?.id as string;
}

describe('a policy that asks for signatures of its changes', () => {
  it('takes effect at the first start, where there was none before', async () => {
    expect(await inForce()).toBe(hashOf(FIRST));
    expect(await changes()).toEqual([]);
  });

  it('stays in force until others than the author, enough of them and in its groups, have signed', async () => {
    const text = textOf(2, 'bob');
    const id = await proposed(text);
    expect((await service.call('bob', 'GET', `/v1/policy/changes/${id}`)).body).toMatchObject({
      state: 'pending',
      author: 'bob',
      authorVerified: false,
      reason: 'TICKET-2',
      previousHash: hashOf(FIRST),
      needed: 2,
      text,
      diff: { settings: ['version', 'change'], lines: expect.stringContaining('+version: 2') },
    });
    expect((await service.call('alice', 'GET', `/v1/policy/changes/${id}`)).status).toBe(403);
    for (const [as, status, code] of [
      ['bob', 403, 'own-request'],
      ['alice', 403, 'not-a-reviewer'],
      ['omar', 403, 'not-a-reviewer'],
      ['cleo', 403, 'not-a-reviewer'],
      ['carol', 403, 'not-a-reviewer'],
      ['etl-agent', 403, 'agent'],
    ] as const)
      expect(await vote(as, id)).toMatchObject({ status, body: { code } });
    expect((await vote(undefined, id)).status).toBe(401);
    const forged = await fetch(`${service.approvals.url}/v1/policy/changes/${id}/votes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect(forged.status).toBe(401);

    expect(await vote('dana', id, 'approve', { reason: 'read it' })).toMatchObject({
      status: 200,
      body: { state: 'pending' },
    });
    expect(await vote('dana', id, 'approve', { reason: 'once more' })).toMatchObject({
      status: 409,
      body: { code: 'already-voted' },
    });
    expect(await inForce()).toBe(hashOf(FIRST));

    // Another replica, and a start in between, change nothing.
    await (await service.startAnother({ policy: text })).stop();
    expect(await changes()).toHaveLength(1);

    expect(await vote('zoe', id)).toMatchObject({ status: 200, body: { state: 'accepted' } });
    expect(await inForce()).toBe(hashOf(text));
    await eventually(async () => expect(await published()).toHaveLength(2));
    expect((await published())[1]).toMatchObject({
      policyHash: hashOf(text),
      previousHash: hashOf(FIRST),
      author: 'bob',
      changeId: id,
      decidedBy: ['dana', 'zoe'],
    });
    const records = await platform.readTopic('control');
    for (const { value } of records)
      expect(verifyEvent(value as Buffer, service.decisionKey.trusted).ok).toBe(true);
    const steps = (await eventsOf('approvals')).filter(({ requestId }) => requestId === id);
    expect(steps.map(({ type }) => type)).toEqual([
      'policy-change.proposed',
      ...Array<string>(6).fill('policy-change.vote-refused'),
      'policy-change.vote-cast',
      'policy-change.vote-refused',
      'policy-change.vote-cast',
      'policy-change.accepted',
    ]);
    expect(await vote('bob', id)).toMatchObject({ body: { code: 'own-request' } });
  }, 60_000);

  it('is not replaced by what was superseded, withdrawn, denied or not signed in time', async () => {
    const before = await inForce();
    const [again, third] = [textOf(3, 'bob'), textOf(3, 'alice')];
    const superseded = await proposed(again);
    const next = await proposed(third);
    expect(await vote('dana', superseded)).toMatchObject({ status: 409, body: { code: 'superseded' } });

    expect(await vote('dana', next, 'deny')).toMatchObject({
      status: 400,
      body: { code: 'reason-required' },
    });
    expect(await vote('dana', next, 'deny', { reason: 'no' })).toMatchObject({ body: { state: 'refused' } });
    expect(await vote('zoe', next)).toMatchObject({ status: 409, body: { code: 'already-decided' } });
    const count = (await changes()).length;
    await (await service.startAnother({ policy: third })).stop();
    expect(await changes()).toHaveLength(count);

    const withdrawn = await proposed(again);
    await writeFile(file, textOf(2, 'bob'));
    await service.approvals.reloadPolicy();
    expect(await stateOf(withdrawn)).toBe('superseded');

    const slow = await proposed(textOf(4, 'alice'));
    await vote('dana', slow);
    late = 3_600_000;
    expect(await vote('zoe', slow)).toMatchObject({ status: 409, body: { code: 'expired' } });
    const slower = await proposed(textOf(5, 'alice'));
    late = 7_200_000;
    await eventually(async () => expect(await stateOf(slower)).toBe('expired'));
    expect(await inForce()).toBe(before);
    expect(await published()).toHaveLength(2);
  }, 60_000);

  it('asks for signatures also where the change takes the question away, or the file is gone', async () => {
    const before = await inForce();
    const id = await proposed(textOf(6, 'alice', ''));
    expect(await inForce()).toBe(before);
    await vote('dana', id, 'deny', { reason: 'we keep it' });
  });

  it.each([
    ['does not say who made it', 'version: 7\ndefault: allow\n', /say who made this one/],
    [
      'says what the policy in force said of itself',
      textOf(2, 'bob').replace('version: 2', 'version: 7'),
      /say who made this one, and why/,
    ],
    ['names a stranger as its author', textOf(7, 'mallory'), /the directory, which has no mallory/],
    ['goes back to an older version', FIRST, /version: 1 is below 2/],
    [
      'could not be replaced by anybody',
      textOf(7, 'alice', 'policyChanges: { reviewers: [{ group: nobody, count: 1 }] }\n'),
      /policyChanges: nobody can approve/,
    ],
  ])('rejects a file that %s', async (_what, text, problem) => {
    const [before, count] = [await inForce(), (await changes()).length];
    await writeFile(file, text);
    await service.approvals.reloadPolicy();
    await eventually(async () =>
      expect((await rejected()).at(-1)).toMatchObject({ problem: expect.stringMatching(problem) }),
    );
    expect(await inForce()).toBe(before);
    expect(await changes()).toHaveLength(count);
    // A start with it goes on with the policy in force.
    await (await service.startAnother({ policy: text })).stop();
    expect(await inForce()).toBe(before);
  });

  it('is replaced without signatures by the one text that breaking the glass names, once', async () => {
    const [named, other] = [textOf(8, 'bob'), textOf(9, 'bob')];
    const breakGlass = { sourceHash: hashOf(named), reason: 'INCIDENT-7: both reviewers are out of reach' };
    const waiting = await proposed(other);
    await (await service.startAnother({ policy: other, breakGlass })).stop();
    expect(await inForce()).not.toBe(hashOf(other));
    await (await service.startAnother({ policy: named, breakGlass })).stop();
    expect(await inForce()).toBe(hashOf(named));
    expect(await stateOf(waiting)).toBe('superseded');
    await eventually(async () =>
      expect(await eventsOf('approvals')).toContainEqual(
        expect.objectContaining({
          type: 'policy-change.forced',
          reason: breakGlass.reason,
          policyVersion: 8,
        }),
      ),
    );
    const after = textOf(8, 'alice');
    const id = await proposed(after);
    await vote('dana', id);
    expect(await vote('zoe', id)).toMatchObject({ body: { state: 'accepted' } });
    await (await service.startAnother({ policy: named, breakGlass })).stop();
    expect(await inForce()).toBe(hashOf(after));
    expect(await changes('pending')).toMatchObject([{ hash: hashOf(named) }]);
  }, 60_000);
});

describe('a policy whose changes are proposed by people', () => {
  const more = 'policyChanges: { reviewers: [{ group: dba, count: 1 }], proposers: [engineering, dba] }\n';
  const propose = (as: string, text: string, reason?: string): Promise<Answer> =>
    service.call(as, 'POST', '/v1/policy/changes', { text, ...(reason === undefined ? {} : { reason }) });

  it('takes none from its file, and knows each author by their token', async () => {
    expect(await propose('alice', textOf(20, 'alice'))).toMatchObject({ body: { code: 'not-asked-for' } });
    const first = await proposed(textOf(20, 'alice', more));
    await vote('dana', first);
    expect(await vote('zoe', first)).toMatchObject({ body: { state: 'accepted' } });

    await writeFile(file, textOf(21, 'alice', more));
    await service.approvals.reloadPolicy();
    expect(await changes('pending')).toEqual([]);
    await eventually(async () =>
      expect((await rejected()).at(-1)).toMatchObject({
        problem: expect.stringMatching(/policy changes propose/),
      }),
    );

    // The text may name whom it likes: the author is whoever sent it.
    const sent = await propose('bob', textOf(21, 'alice', more));
    expect(sent).toMatchObject({
      status: 201,
      body: { author: 'bob', authorVerified: true, state: 'pending' },
    });
    expect(await vote('bob', sent.body.id)).toMatchObject({ status: 403, body: { code: 'own-request' } });
    expect((await propose('bob', textOf(21, 'alice', more))).body.id).toBe(sent.body.id);
    for (const [as, text, status, code] of [
      ['omar', textOf(22, 'alice', more), 403, 'not-a-proposer'],
      ['etl-agent', textOf(22, 'alice', more), 403, 'not-a-proposer'],
      ['cleo', textOf(22, 'alice', more), 403, 'not-a-proposer'],
      ['alice', 'version: 22\nrulez: []\n', 422, 'no-policy'],
      ['alice', textOf(3, 'alice', more), 422, 'no-policy'],
      ['alice', textOf(20, 'alice', more), 409, 'no-change'],
      ['alice', 'version: 22\ndefault: allow\n', 400, 'reason-required'],
    ] as const)
      expect(await propose(as, text)).toMatchObject({ status, body: { code } });
    expect(await vote('dana', sent.body.id)).toMatchObject({ body: { state: 'accepted' } });
    expect(await inForce()).toBe(hashOf(textOf(21, 'alice', more)));
  }, 60_000);
});
