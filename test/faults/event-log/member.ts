// One member of the group `audit`, to be killed and stopped by a fault run:
//   node dist/test/faults/event-log/member.js <name> <ms before each transaction>
// The event log comes from the environment; STORE_URL is the database it stores into, with position and
// fence in the transaction of the rows. Prints `handling <partition>` before each transaction.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { PartitionHandler } from '#libs/event-log/port.js';
import { readEventLogSettings } from '#libs/event-log/settings.js';

const [name = 'member', delay = '0'] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: process.env['STORE_URL'], max: 8 });
// A connection that is cut while idle is replaced at the next query.
pool.on('error', () => undefined);
// One that is cut while in use rejects its query; unheard, this event would end the process.
pool.on('connect', (client) => void client.on('error', () => undefined));
const epochs = new Map<number, string>();

const handler: PartitionHandler = {
  claim: async ({ partition }) => {
    const { rows } = await pool.query<{ epoch: string; next_offset: string }>(
      'UPDATE heads SET epoch = epoch + 1 WHERE partition = $1 RETURNING epoch, next_offset',
      [partition],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`no head of partition ${partition}`);
    epochs.set(partition, row.epoch);
    return BigInt(row.next_offset);
  },
  handle: async ({ partition }, records) => {
    process.stdout.write(`handling ${partition}\n`);
    await sleep(Number(delay));
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      await client.query('BEGIN');
      const moved = await client.query(
        'UPDATE heads SET next_offset = $3 WHERE partition = $1 AND epoch = $2',
        [partition, epochs.get(partition), (records.at(-1)?.offset ?? 0n) + 1n],
      );
      if (moved.rowCount === 0) {
        await client.query('ROLLBACK');
        await client.query('INSERT INTO refused (member, partition) VALUES ($1, $2)', [name, partition]);
        return 'fenced';
      }
      await client.query(
        'INSERT INTO stored (partition, "offset", value, member) SELECT $1, o, v, $4 FROM unnest($2::bigint[], $3::text[]) AS r(o, v)',
        [partition, records.map(({ offset }) => offset), records.map(({ value }) => String(value)), name],
      );
      await client.query('COMMIT');
      return 'stored';
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  },
};

const log = await openEventLog(readEventLogSettings(process.env), {
  applicationName: name,
  logger: pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }, pino.destination(2)),
  sessionTimeoutMs: Number(process.env['SESSION_MS'] ?? 6_000),
});
await log.consume({
  group: 'audit',
  topics: ['statements'],
  handler,
  onFatal: (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
});
process.stdout.write('ready\n');
