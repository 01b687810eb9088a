import { eventLogsUnderTest } from '../e2e/event-logs.js';
import { eventually } from '../e2e/eventually.js';
import { connectAs } from '../e2e/gateway-client.js';
import { startLocalStack, type LocalStack, type ServiceName } from '../e2e/local-stack.js';

interface SealedEvent {
  id: string;
  type: string;
  intentId?: string;
  outcome?: string;
  chain: string;
  producer: string;
  producerSeq: number;
  statement?: { text?: string };
}

const STATEMENTS = 300;

/**
 * A few hundred statements while one service is killed with -9 and brought back. Whatever the client saw
 * completed must be sealed exactly once with its outcome; nothing may be sealed twice; no sequence may
 * have a hole.
 */
describe.each(eventLogsUnderTest())(
  'Killing one service over the $kind event log',
  ({ kind, environment }) => {
    let stack: LocalStack;

    beforeAll(async () => {
      stack = await startLocalStack({ environment: environment() });
    }, 120_000);

    afterAll(async () => {
      await stack.stop();
    }, 60_000);

    // The embedded log lives in the platform database, so its loss is a loss of the log as well.
    const victims: ServiceName[] = ['gateway', 'approvals', 'audit', 'platform-postgres'];

    it.each(victims)(
      '%s loses no event and seals none twice',
      async (victim) => {
        const marker = `${kind}-${victim}`;
        const answered: string[] = [];
        const run = runStatements(stack, marker, answered);
        await eventually('a third of the statements ran', 60_000, () =>
          Promise.resolve(answered.length > STATEMENTS / 3 ? true : undefined),
        );
        await stack.kill(victim);
        await stack.startAgain(victim);
        await run;
        expect(answered).toHaveLength(STATEMENTS);

        const sealed = await eventually(
          'every answered statement is sealed with an outcome',
          60_000,
          async () => {
            const events = await allEvents(stack);
            const concluded = new Set(
              events
                .filter((event) => event.type === 'statement.outcome-recorded')
                .map((event) => event.intentId),
            );
            const intents = events.filter(
              (event) =>
                event.type === 'statement.intent-recorded' && event.statement?.text?.includes(marker),
            );
            const texts = new Set(intents.map((event) => event.statement?.text));
            const complete =
              answered.every((text) => texts.has(text)) &&
              intents.every((intent) => concluded.has(intent.id));
            return complete ? events : undefined;
          },
        );

        const ids = sealed.map((event) => event.id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(sequencesWithHoles(sealed)).toEqual([]);
        let forgotten = 0;
        for (const text of answered) {
          const runs = sealed.filter(
            (event) => event.type === 'statement.intent-recorded' && event.statement?.text === text,
          );
          const outcomes = runs.map((intent) =>
            sealed.filter(
              (event) => event.intentId === intent.id && event.type === 'statement.outcome-recorded',
            ),
          );
          expect(outcomes.every((found) => found.length === 1)).toBe(true);
          if (!outcomes.flat().some((event) => event.outcome === 'completed')) forgotten += 1;
        }
        // An outcome is durable no later than the next intent of its session: killed between the answer and
        // that, the gateway does not know any more how the last statement ended. Nobody else can forget one.
        expect(forgotten).toBeLessThanOrEqual(victim === 'gateway' ? 1 : 0);
        const verified = await stack.cli(['ledger', 'verify', '--json']);
        expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: 'OK', findings: [] });
      },
      180_000,
    );
  },
);

/** Runs each statement until it is answered; a client that lost its gateway connects again. */
async function runStatements(stack: LocalStack, marker: string, answered: string[]): Promise<void> {
  let client = await connectAs(stack, 'alice');
  for (let n = 0; n < STATEMENTS; n += 1) {
    const text = `SELECT ${n} AS "${marker}"`;
    await eventually(`statement ${n} is answered`, 60_000, async () => {
      try {
        await client.query(text);
        return true;
      } catch {
        // The gateway is gone; the statement may or may not have run: it is sent again.
        await client.end().catch(() => undefined);
        client = await connectAs(stack, 'alice').catch(() => client);
        return undefined;
      }
    });
    answered.push(text);
  }
  await client.end();
}

async function allEvents(stack: LocalStack): Promise<SealedEvent[]> {
  const { stdout, stderr, code } = await stack.cli(['events']);
  if (code !== 0) throw new Error(stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SealedEvent);
}

/** (producer, chain) pairs whose sequence does not run from 0 without a gap; a chain is one partition. */
function sequencesWithHoles(events: readonly SealedEvent[]): string[] {
  const sequences = new Map<string, number[]>();
  // What was delivered twice is sealed as a pointer to the first; it is the ledger's own and counts for nobody.
  for (const event of events.filter(({ type }) => type !== 'duplicate.sealed')) {
    const key = `${event.producer} ${event.chain}`;
    sequences.set(key, [...(sequences.get(key) ?? []), event.producerSeq]);
  }
  return [...sequences]
    .filter(([, seqs]) => seqs.sort((a, b) => a - b).some((seq, index) => seq !== index))
    .map(([key]) => key);
}
