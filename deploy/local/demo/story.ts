import { setTimeout as sleep } from 'node:timers/promises';
import { countersign, type Ran } from './command-line.js';
import { changeOneByte } from './change-one-byte.js';
import type { Narrator } from './narrator.js';
import { NotAsTold } from './narrator.js';
import { Prompt, type Answer } from './prompt.js';
import type { OwnStack } from '../own-stack.js';

interface StoryEvent {
  readonly type: string;
  readonly time: string;
  readonly identity?: { readonly name: string };
  readonly voter?: { readonly name: string };
  readonly decision?: string;
  readonly outcome?: string;
  readonly effect?: string;
}

/** A real statement is held, signed off, run, sealed and verified. Throws NotAsTold where it is not so. */
export async function tellStory(stack: OwnStack, tell: Narrator): Promise<void> {
  const ready = await stack.ready();
  const run = (...args: string[]): Promise<Ran> => countersign(stack.environment, ...args);
  const alice = await Prompt.open(ready, 'alice', 'shop');
  try {
    await reads(alice, tell);
    await isRefused(alice, tell);
    const changed = await isHeldAndApproved(alice, tell, run);
    await isHeldAndDenied(alice, tell, run);
    await hasALife(changed, tell, run);
    await isVerified(tell, run);
    await isTamperedWith(ready.platform.adminUrl, changed, tell, run);
  } finally {
    await alice.close();
  }
}

type Run = (...args: string[]) => Promise<Ran>;

async function reads(alice: Prompt, tell: Narrator): Promise<void> {
  tell.title('alice, an engineer, reads. It runs, and it is recorded.');
  const answer = await ask(alice, tell, 'SELECT count(*) AS customers FROM customers');
  tell.expect('the shop has its customers', answer.ok && Number(answer.rows[0]?.['customers']) >= 1_000);
}

async function isRefused(alice: Prompt, tell: Narrator): Promise<void> {
  tell.title('She drops the table. Policy refuses; nothing reaches the database.');
  const answer = await ask(alice, tell, 'DROP TABLE customers');
  tell.expect(
    'refused with SQLSTATE 42501 and the name of the rule',
    !answer.ok && answer.error.code === '42501' && /no-drop/.test(answer.error.message),
    JSON.stringify(answer),
  );
  const after = await alice.run('SELECT 1 AS alive');
  tell.expect('her session lives on', after.ok);
}

async function isHeldAndApproved(alice: Prompt, tell: Narrator, run: Run): Promise<string> {
  tell.title('She adds a column. The statement is held on her open connection.');
  const statement = 'ALTER TABLE customers ADD COLUMN tier text';
  tell.types('alice', statement);
  const { requestId, notice, seconds, answer } = await alice.hold(statement);
  tell.sees(`NOTICE: ${notice}`);
  tell.expect(`held within a second (${Math.round(seconds * 1_000)} ms)`, seconds < 1);

  tell.title('Nobody approves their own work, and no agent approves anybody’s.');
  for (const name of ['alice', 'etl-agent']) {
    const vote = await command(tell, run, '--as', name, 'requests', 'approve', requestId);
    tell.expect(`${name} is refused`, vote.code !== 0 && vote.err !== '');
  }
  const waiting = await Promise.race([answer, sleep(300, undefined)]);
  tell.expect('the statement still waits', waiting === undefined, JSON.stringify(waiting));

  tell.title('bob, a reviewer, approves. It runs in the same session.');
  const vote = await command(tell, run, '--as', 'bob', 'requests', 'approve', requestId);
  tell.expect('bob’s vote counts', vote.code === 0, vote.err);
  const result = await within(answer, 10_000, 'the approved statement ends');
  tell.expect('ALTER TABLE ran', result.ok, JSON.stringify(result));
  const column = await ask(alice, tell, 'SELECT count(tier) AS with_tier FROM customers');
  tell.expect('the column is there', column.ok);
  return requestId;
}

async function isHeldAndDenied(alice: Prompt, tell: Narrator, run: Run): Promise<void> {
  tell.title('She changes another column. bob says no; she gets an ordinary error.');
  const statement = 'ALTER TABLE orders DROP COLUMN note';
  tell.types('alice', statement);
  const { requestId, notice, answer } = await alice.hold(statement);
  tell.sees(`NOTICE: ${notice}`);
  const reason = 'The warehouse still reads it';
  await command(tell, run, '--as', 'bob', 'requests', 'deny', requestId, '--reason', reason);
  const result = await within(answer, 10_000, 'the denied statement ends');
  if (!result.ok) tell.sees(errorText(result));
  tell.expect(
    'refused with bob’s reason',
    !result.ok && result.error.code === '42501' && (result.error.detail ?? '').includes(reason),
    JSON.stringify(result),
  );
  const after = await alice.run('SELECT count(note) FROM orders');
  tell.expect('the column is still there, and so is her session', after.ok);
}

async function hasALife(requestId: string, tell: Narrator, run: Run): Promise<void> {
  tell.title('The whole life of the request, from intent to outcome, is in the ledger.');
  tell.types('anyone', `countersign events --request ${requestId}`);
  const events = await untilSealed(run, requestId, 'statement.outcome-recorded');
  tell.sees(events.map(eventLine).join('\n'));
  for (const type of [
    'statement.intent-recorded',
    'request.requested',
    'request.vote-cast',
    'request.granted',
    'statement.outcome-recorded',
  ])
    tell.expect(type, events.filter((event) => event.type === type).length >= 1);
  const { out } = await run('events', '--identity', 'alice');
  const recorded = (statement: string): boolean =>
    out.split('\n').some((line) => line.includes('intent-recorded') && line.includes(statement));
  tell.expect(
    'what she read and what she was refused are there as well',
    recorded('SELECT count(*) AS customers FROM customers') && recorded('DROP TABLE customers'),
  );
}

async function isVerified(tell: Narrator, run: Run): Promise<void> {
  tell.title('Anybody with the public keys can verify the ledger.');
  const verified = await command(tell, run, 'ledger', 'verify');
  tell.expect('OK', verified.code === 0 && verified.out.includes('OK'), verified.out + verified.err);
}

async function isTamperedWith(
  superuserUrl: string,
  requestId: string,
  tell: Narrator,
  run: Run,
): Promise<void> {
  tell.title('A superuser turns the triggers off and changes one letter: bob’s vote becomes cob’s.');
  const changed = await changeOneByte(superuserUrl, requestId, 'request.vote-cast', 'bob');
  if (changed === undefined) throw new NotAsTold('bob’s vote is in the ledger: it is not');
  tell.sees(`changed entry ${changed.seq} of ${changed.chain}`);
  const verified = await command(tell, run, 'ledger', 'verify', '--json');
  const report = JSON.parse(verified.out) as { verdict: string; findings: object[] };
  tell.expect(
    'the verifier names that very entry, and fails',
    verified.code !== 0 &&
      report.verdict === 'TAMPERED' &&
      report.findings.some((finding) => {
        const { chain, seq, kind } = finding as { chain?: string; seq?: number; kind?: string };
        return chain === changed.chain && seq === changed.seq && kind === 'PAYLOAD_MISMATCH';
      }),
    verified.out,
  );
}

async function ask(prompt: Prompt, tell: Narrator, statement: string): Promise<Answer> {
  tell.types('alice', statement);
  const answer = await prompt.run(statement);
  tell.sees(answer.ok ? JSON.stringify(answer.rows[0] ?? {}) : errorText(answer));
  return answer;
}

const errorText = ({ error }: Extract<Answer, { ok: false }>): string =>
  [
    `ERROR ${error.code ?? ''}: ${error.message}`,
    ...(error.detail === undefined ? [] : [`DETAIL: ${error.detail}`]),
    ...(error.hint === undefined ? [] : [`HINT: ${error.hint}`]),
  ].join('\n');

async function command(tell: Narrator, run: Run, ...args: string[]): Promise<Ran> {
  tell.types('$', `npx countersign ${args.map((each) => (/\s/.test(each) ? `"${each}"` : each)).join(' ')}`);
  const ran = await run(...args);
  tell.sees(`${ran.out}${ran.err}`);
  return ran;
}

/** The request's events once one of that type is sealed among them; audit follows the log within moments. */
async function untilSealed(run: Run, requestId: string, type: string): Promise<StoryEvent[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const { code, out, err } = await run('events', '--request', requestId);
    if (code !== 0) throw new NotAsTold(`events are listed: ${err}`);
    const events = out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as StoryEvent);
    if (events.some((event) => event.type === type))
      return events.sort((one, other) => one.time.localeCompare(other.time));
    if (performance.now() > deadline) throw new NotAsTold(`${type} is sealed within 10 s: it is not`);
    await sleep(200);
  }
}

function eventLine(event: StoryEvent): string {
  const who = event.voter?.name ?? event.identity?.name ?? '';
  const what = event.decision ?? event.outcome ?? event.effect ?? '';
  return `${event.time}  ${event.type.padEnd(28)} ${who.padEnd(9)} ${what}`.trimEnd();
}

async function within<T>(work: Promise<T>, milliseconds: number, told: string): Promise<T> {
  const late = Symbol('late');
  const result = await Promise.race([work, sleep(milliseconds, late, { ref: false })]);
  if (result === late) throw new NotAsTold(`${told} within ${milliseconds / 1_000} s: it does not`);
  return result as T;
}
