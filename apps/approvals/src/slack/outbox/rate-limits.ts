import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

/** Slack takes about one message a second in a channel. */
const POST_SPACING_MS = 1_050;

const postsTo = (channel: string): string => `post:${channel}`;
const callsOf = (method: string): string => `method:${method}`;

/**
 * Takes the right to post one message to a channel now. 0: taken. Else how long to wait, ms. One budget
 * for all replicas.
 */
export async function takePost(connection: CommonQueryMethods, channel: string): Promise<number> {
  const wait = await waitFor(connection, callsOf('chat.postMessage'));
  if (wait > 0) return wait;
  const taken = await connection.query(sql.unsafe`
    INSERT INTO approvals.slack_limits AS known (name, next_at)
    VALUES (${postsTo(channel)}, now() + make_interval(secs => ${POST_SPACING_MS / 1000}))
    ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE known.next_at <= now()`);
  return taken.rowCount === 1 ? 0 : Math.max(1, await waitFor(connection, postsTo(channel)));
}

/** How long a method must not be called, ms; 0: it may be. */
export const waitForMethod = (connection: CommonQueryMethods, method: string): Promise<number> =>
  waitFor(connection, callsOf(method));

/** Slack has answered 429 with Retry-After. For posting it may mean the channel only: the others go on. */
export async function pauseFor(
  connection: CommonQueryMethods,
  method: string,
  channel: string,
  ms: number,
): Promise<void> {
  const name = method === 'chat.postMessage' ? postsTo(channel) : callsOf(method);
  await connection.query(sql.unsafe`
    INSERT INTO approvals.slack_limits AS known (name, next_at)
    VALUES (${name}, now() + make_interval(secs => ${ms / 1000}))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(known.next_at, excluded.next_at)`);
}

async function waitFor(connection: CommonQueryMethods, name: string): Promise<number> {
  const wait = await connection.maybeOneFirst(sql.type(z.object({ wait: z.number() }))`
    SELECT (extract(epoch FROM next_at - now()) * 1000)::float8 AS wait FROM approvals.slack_limits WHERE name = ${name}`);
  return Math.max(0, Math.ceil(wait ?? 0));
}
