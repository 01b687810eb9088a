// For tests only: random messages of a client.
import fc from 'fast-check';
import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { FLUSH, SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { cString, writeFrame } from '#libs/pg-wire/frame-writer.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { writeName } from '#libs/pg-wire/name-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';

const name = fc.constantFrom('', 'a', 'b');
const text = fc.constantFrom(
  'SELECT 1',
  'SELECT 1/0',
  'DROP TABLE customers',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'PREPARE a AS SELECT 2',
  'EXECUTE a',
  'DEALLOCATE ALL',
  'DECLARE a CURSOR FOR SELECT generate_series(1, 3)',
  'FETCH a',
  'INSERT INTO numbers VALUES (1); SELECT 1/0',
  'COPY numbers FROM STDIN',
  'COPY customers TO STDOUT',
  'not sql at all',
  '',
);

/** Mostly messages that make sense, now and then one that does not. */
export const randomFrame: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: text.map(writeQuery) },
  { weight: 8, arbitrary: fc.tuple(name, text).map(([n, t]) => writeParse(n, t)) },
  { weight: 8, arbitrary: fc.tuple(name, name).map(([p, s]) => writeTextBind(p, s, [])) },
  { weight: 8, arbitrary: fc.tuple(name, fc.nat(3)).map(([p, rows]) => writeExecute(p, rows)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('statement' as const, 'portal' as const),
        name,
        fc.constantFrom(Frontend.Describe, Frontend.Close),
      )
      .map(([of, n, type]) => writeName(type, { of, name: n })),
  },
  { weight: 8, arbitrary: fc.constant(SYNC) },
  { weight: 2, arbitrary: fc.constant(FLUSH) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      writeFrame(Frontend.CopyData, Buffer.from('1\n')),
      writeFrame(Frontend.CopyDone),
      writeFrame(Frontend.CopyFail, cString('x')),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 30 }).map((body) => writeFrame(Frontend.FunctionCall, body)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(80, 66, 69, 68, 67, 81), fc.uint8Array({ maxLength: 30 }))
      .map(([type, body]) => writeFrame(type, body)),
  },
);

/** Messages and what ends a COPY and a series that they left open, in pieces of `size` bytes. */
export function* piecesOf(messages: readonly Buffer[], size: number): Generator<Buffer> {
  const bytes = Buffer.concat([...messages, writeFrame(Frontend.CopyFail, cString('end')), SYNC]);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
