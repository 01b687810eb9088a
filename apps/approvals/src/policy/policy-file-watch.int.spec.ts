import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { parseEvent, type AnyEvent } from '#libs/contracts/events/registry.js';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import { sql } from '#libs/postgres/pool.js';
import { RequestExecutor } from '../request/write/request-executor.js';
import { newSigningKey } from '../testing/sample-gateway.js';
import { silent, testPlatform, type TestPlatform } from '../testing/test-platform.js';
import { PolicyFileWatch } from './policy-file-watch.js';
import { publishPolicy } from './publish-policy.js';

const textOf = (version: number, more: string, head = ''): string =>
  `version: ${version}\n${head}default: allow\nrules:\n  - { id: a, when: 'true', effect: allow${more} }\n`;
const FIRST = textOf(3, '');

let platform: TestPlatform;
let executor: RequestExecutor;
let folder: string;
let file: string;
beforeAll(async () => {
  platform = await testPlatform();
  executor = new RequestExecutor(
    platform.pool,
    { tenant: 'default', clock: systemClock, newId, signingKey: newSigningKey().signing },
    () => undefined,
  );
  folder = await mkdtemp(path.join(tmpdir(), 'countersign-policy-file-'));
  file = path.join(folder, 'policy.yaml');
}, 60_000);
afterAll(async () => {
  await platform?.dispose();
  await rm(folder, { recursive: true });
}, 60_000);

const read = (text: string) => loadPolicy({ text, file });

/** What was published on control, by the outbox's own order. */
async function control(): Promise<AnyEvent[]> {
  const rows = await platform.pool.any(sql.type(z.object({ bytes: z.instanceof(Buffer) }))`
    SELECT bytes FROM approvals.events WHERE topic = 'control' ORDER BY producer_seq`);
  return rows.map(({ bytes }) => {
    const parsed = parseEvent(bytes);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.event;
  });
}

let watch: PolicyFileWatch;
const changed = async (text: string): Promise<AnyEvent[]> => {
  const before = (await control()).length;
  await writeFile(file, text);
  await watch.look();
  expect(await control()).toHaveLength(before);
  await watch.look();
  await watch.look();
  return (await control()).slice(before);
};

describe('the policy file', () => {
  it('is published at the start, and its first version may be any', async () => {
    await publishPolicy(executor, loadBuiltinPolicy(), { file: undefined, read }, newId);
    await writeFile(file, FIRST);
    expect(await publishPolicy(executor, read(FIRST), { file, read }, newId)).toEqual({ kind: 'published' });
    watch = new PolicyFileWatch({
      file,
      text: FIRST,
      policy: read(FIRST),
      executor,
      read,
      readPublished: read,
      newId,
      logger: silent,
    });
    await watch.look();
    expect(await control()).toMatchObject([
      { type: 'policy.published', author: 'built-in' },
      { type: 'policy.published', author: `file ${file}`, diff: { added: ['a'] } },
    ]);
  });

  it('is published again when it has changed and two looks agree, with author, reason and difference', async () => {
    const head = 'change: { author: dana, reason: TICKET-7 asks for it }\n';
    const events = await changed(textOf(4, ', risk: 5', head));
    expect(events).toMatchObject([
      {
        type: 'policy.published',
        policyVersion: 4,
        author: 'dana',
        reason: 'TICKET-7 asks for it',
        previousHash: read(FIRST).hash,
        diff: { added: [], removed: [], changed: ['a'], settings: ['version', 'change'] },
      },
    ]);
    expect(watch.problem).toBeUndefined();
  });

  it('is published under the version it had when only its text has changed', async () => {
    const events = await changed(textOf(4, ', risk: 6'));
    expect(events).toMatchObject([{ type: 'policy.published', policyVersion: 4, diff: { changed: ['a'] } }]);
    expect(watch.problem).toBeUndefined();
  });

  it.each([
    ['is no policy', textOf(5, ', risky: 5'), /policy\.yaml:4: rules\.0\.risky: is not a key that exists$/],
    ['goes back to an older text', FIRST, /version: 3 is below 4, which was/],
  ])('that %s is rejected once, signed, and what is in force stays', async (_what, text, problem) => {
    const before = await control();
    const events = await changed(text);
    expect(events).toMatchObject([
      {
        type: 'policy.rejected',
        file,
        problem: expect.stringMatching(problem),
        policyHash: before.findLast((event) => event.type === 'policy.published')?.policyHash,
      },
    ]);
    expect(watch.problem).toMatch(problem);
  });

  it('that is gone changes nothing, and counts again when it is back', async () => {
    const before = (await control()).length;
    await rm(file);
    await watch.look();
    expect(watch.problem).toMatch(/cannot be read/);
    expect(await control()).toHaveLength(before);
    const events = await changed(textOf(6, ', risk: 7'));
    expect(events).toMatchObject([{ type: 'policy.published', policyVersion: 6 }]);
    expect(watch.problem).toBeUndefined();
  });

  it('counts at once where somebody asks for it, and again is no change', async () => {
    const before = (await control()).length;
    await writeFile(file, textOf(7, ''));
    await watch.look(true);
    await watch.look(true);
    expect((await control()).slice(before)).toMatchObject([{ policyVersion: 7 }]);
  });

  it('that extends the built-in policy is the same change whatever the built-in rules become', async () => {
    const text = 'version: 8\nextends: builtin\n';
    const mine = loadPolicy({ text, file, reviewers: 'dba' });
    const other = loadPolicy({ text, file, reviewers: 'owners' });
    expect(other.hash).not.toBe(mine.hash);
    expect(await publishPolicy(executor, mine, { file, read }, newId)).toEqual({ kind: 'published' });
    expect(await publishPolicy(executor, other, { file, read }, newId)).toEqual({ kind: 'published' });
    const older = loadPolicy({ text: text.replace('8', '7'), file });
    expect(await publishPolicy(executor, older, { file, read }, newId)).toMatchObject({
      kind: 'refused',
    });
  });
});
