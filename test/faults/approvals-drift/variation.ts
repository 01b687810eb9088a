import type { DriftWorld, Ended, Statement } from './drift-world.js';

/** One way in which what would run is not what was approved. */
export interface Variation {
  readonly name: string;
  /** True for what is the same after all: it must run, or the others would prove nothing. */
  readonly control?: boolean;
  /** Approves A, lets drift happen, tries B; `table` is its own. Resolves with how B ended. */
  run(world: DriftWorld, table: string): Promise<Ended>;
}

type Sql = (table: string) => string;

export const update: Sql = (table) => `UPDATE ${table} SET v = ${table}_f(v)`;

/** The definitions change while the statement waits on its connection. */
export const whileHeld = (name: string, before: Sql, change: Sql, statement: Sql = update): Variation => ({
  name: `${name}, while held`,
  run: async (world, table) => {
    await world.admin.query(before(table));
    const client = await world.connect('alice', 'hold');
    try {
      const { requestId, ended } = await world.held(client, { text: statement(table) });
      await world.admin.query(change(table));
      await world.approve(requestId);
      return await ended;
    } finally {
      await client.end();
    }
  },
});

/** The definitions change between the approval and the second attempt. */
export const beforeRetry = (name: string, before: Sql, change: Sql, statement: Sql = update): Variation => ({
  name: `${name}, before the next attempt`,
  run: async (world, table) => {
    await world.admin.query(before(table));
    const client = await world.connect('alice', 'retry');
    try {
      const approved = { text: statement(table) };
      await world.approvedForRetry(client, approved);
      await world.admin.query(change(table));
      return await world.send(client, approved);
    } finally {
      await client.end();
    }
  },
});

/** The client sends something else than what was approved. */
export const sentOtherwise = (
  name: string,
  approved: (table: string) => Statement,
  sent: (table: string) => Statement,
): Variation => ({
  name,
  run: async (world, table) => {
    const client = await world.connect('alice', 'retry');
    try {
      await world.approvedForRetry(client, approved(table));
      return await world.send(client, sent(table));
    } finally {
      await client.end();
    }
  },
});

/** The session is another one in some way that statements depend on. */
export const inSession = (
  name: string,
  change: (table: string) => readonly string[],
  statement: Sql = update,
): Variation => ({
  name,
  run: async (world, table) => {
    const client = await world.connect('alice', 'retry');
    try {
      const approved = { text: statement(table) };
      await world.approvedForRetry(client, approved);
      for (const text of change(table)) await client.query(text);
      return await world.send(client, approved);
    } finally {
      await client.end();
    }
  },
});
