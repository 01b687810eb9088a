import fc from 'fast-check';
import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { eventually } from '#libs/testing/eventually.js';
import { piecesOf, randomFrame } from '#libs/testing/random-frames.js';
import { RawClient } from './testing/raw-client.js';
import { TemporaryGateway } from './testing/temporary-gateway.js';

let gateway: TemporaryGateway;
beforeAll(async () => {
  gateway = await TemporaryGateway.start({
    policy: `
version: 1
default: allow
rules:
  - { id: no-drop, when: "statement.kind == 'DROP TABLE'", effect: deny }
`,
  });
}, 120_000);
afterAll(() => gateway?.dispose());

/** Some 10,000 messages; the long form is `npm run faults -- gateway fuzz`. A failure prints its seed and the least messages. */
const RUNS = 340;

/** Intents with no outcome or more than one. */
function unfinished(): string[] {
  const outcomes = new Map(gateway.of('statement.intent-recorded').map((event) => [event.id, 0]));
  for (const { intentId } of gateway.of('statement.outcome-recorded'))
    outcomes.set(intentId, (outcomes.get(intentId) ?? 0) + 1);
  return [...outcomes].filter(([, count]) => count !== 1).map(([id]) => id);
}

describe('random messages', () => {
  it(
    'break no session but their own, and every intent ends',
    async () => {
      const password = await gateway.token('alice');
      const other = await gateway.connect();
      let frames = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(randomFrame, { minLength: 5, maxLength: 60 }),
          fc.integer({ min: 1, max: 500 }),
          async (messages, size) => {
            gateway.forget();
            const client = await RawClient.connect({
              port: gateway.gateway.port,
              ca: gateway.ca,
              user: 'alice',
              password,
              database: 'shop',
            });
            for (const piece of piecesOf(messages, size)) client.write(piece);
            frames += messages.length;
            client.end();
            await client.untilClosed();
            expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
            await eventually(() => {
              expect(gateway.of('session.closed').map((event) => event.reason === 'failed')).toEqual([false]);
              expect(unfinished()).toEqual([]);
            }, 5_000);
          },
        ),
        {
          numRuns: RUNS,
          // Once under load: the target took an Execute for a part of the COPY, and Terminate with it.
          examples: [
            [
              [
                writeParse('a', 'SELECT 1'),
                writeTextBind('', 'a', []),
                writeQuery('BEGIN'),
                writeQuery('COPY numbers FROM STDIN'),
                writeExecute('', 0),
                writeExecute('', 0),
                writeTextBind('', '', []),
              ],
              1,
            ],
          ],
        },
      );
      expect(frames).toBeGreaterThan(1_000);
      await other.end();
      const direct = await gateway.direct();
      expect((await direct.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 100 }]);
    },
    120_000 + RUNS * 200,
  );
});
