import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { urlAs } from '../login-role.js';
import { prepareShop, SAMPLE_ROLE } from './prepare-shop.js';

let server: TemporaryPostgres;
let admin: PgClient;
let app: PgClient;

beforeAll(async () => {
  server = await temporaryPostgres();
  await prepareShop(server.adminUrl, 'first-password');
  admin = await connectClient(server.adminUrl('shop'), 'test');
  app = await connectClient(urlAs(server.adminUrl('shop'), SAMPLE_ROLE, 'first-password'), 'test');
});

afterAll(async () => {
  await app.end();
  await admin.end();
  await server.dispose();
});

const count = async (text: string): Promise<number> =>
  Number((await admin.query<{ n: string }>(`SELECT count(*) AS n FROM ${text}`)).rows[0]?.n);

/** Luhn's check, as card numbers carry it (ISO/IEC 7812-1, annex B). */
const passesLuhn = (digits: string): boolean =>
  [...digits].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0) %
    10 ===
  0;

describe('the sample target', () => {
  it('holds at least a thousand invented customers, and what makes it a shop', async () => {
    expect(await count('customers')).toBeGreaterThanOrEqual(1000);
    expect(await count('orders')).toBeGreaterThan(0);
    expect(await count('order_items')).toBeGreaterThan(0);
    expect(await count('payments')).toBeGreaterThan(0);
    const { rows } = await admin.query<Record<'card_number' | 'ssn' | 'email', string>>(
      'SELECT card_number, ssn, email FROM customers',
    );
    expect(rows.filter(({ card_number }) => !passesLuhn(card_number))).toEqual([]);
    expect(rows.every(({ ssn }) => /^9\d\d-\d\d-\d{4}$/.test(ssn))).toBe(true);
    expect(rows.every(({ email }) => /@example\.(com|org|net)$/.test(email))).toBe(true);
  });

  it('is owned by a role that is no superuser', async () => {
    const { rows } = await admin.query<{ owner: string }>(
      "SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'public'",
    );
    expect(rows).toEqual([{ owner: SAMPLE_ROLE }]);
    const role = await app.query<{ super: boolean }>(
      'SELECT rolsuper AS super FROM pg_roles WHERE rolname = current_user',
    );
    expect(role.rows[0]?.super).toBe(false);
  });

  it('lets the role create tables and gives it all rights on what the administrator makes later', async () => {
    await app.query('CREATE TABLE made_by_app (id int)');
    await admin.query('CREATE TABLE made_later (id serial); INSERT INTO made_later DEFAULT VALUES');
    await app.query('INSERT INTO made_later DEFAULT VALUES');
    await app.query('TRUNCATE made_later');
    expect(await count('made_later')).toBe(0);
  });

  it('is made once: what people changed since stays, and the password follows', async () => {
    await admin.query('DROP TABLE payments; DELETE FROM order_items WHERE order_id = 1');
    const items = await count('order_items');
    await prepareShop(server.adminUrl, 'second-password');
    expect(await count('order_items')).toBe(items);
    expect(await count("pg_tables WHERE tablename = 'payments'")).toBe(0);
    const again = await connectClient(urlAs(server.adminUrl('shop'), SAMPLE_ROLE, 'second-password'), 'test');
    await again.end();
  });
});
