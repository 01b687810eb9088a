import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { byteaArray, int4Array, int8Array, utf8Array, uuidArray } from './binary-array.js';

const ID = '0198c5a0-0000-7000-8000-0000000000aa';

let postgres: TemporaryPostgres;
let client: PgClient;
beforeAll(async () => {
  postgres = await temporaryPostgres({ fsync: 'off' });
  client = await connectClient(postgres.adminUrl(), 'test');
}, 60_000);
afterAll(async () => {
  await client.end();
  await postgres.dispose();
});

describe('an array in binary form', () => {
  it.each([
    ['bytea', byteaArray([Buffer.from([0, 255]), null, Buffer.alloc(0)]), '{"\\\\x00ff",NULL,"\\\\x"}'],
    ['text', utf8Array(['a"b\\,{}', null, '', 'ü💡', 'NULL']), '{"a\\"b\\\\,{}",NULL,"",ü💡,"NULL"}'],
    ['bigint', int8Array([-1n, null, 2n ** 63n - 1n]), '{-1,NULL,9223372036854775807}'],
    ['int', int4Array([-1, null, 2 ** 31 - 1]), '{-1,NULL,2147483647}'],
    ['uuid', uuidArray([ID, null]), `{${ID},NULL}`],
    ['uuid', uuidArray([]), '{}'],
  ])('of %s says the same to PostgreSQL as its text', async (type, bytes, text) => {
    const { rows } = await client.query<{ text: string }>(`SELECT $1::${type}[]::text AS text`, [bytes]);
    expect(rows[0]?.text).toBe(text);
  });

  it.each([ID.toUpperCase(), `${ID}0`, ID.slice(1), ID.replaceAll('-', ''), ID.replace('-', '0'), ''])(
    'takes no %j for a UUID',
    (text) => {
      expect(() => uuidArray([text])).toThrow(RangeError);
    },
  );
});
