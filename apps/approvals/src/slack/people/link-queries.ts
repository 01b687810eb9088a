import { z } from 'zod';
import type { Identity } from '#libs/contracts/identity.js';
import { sha256 } from '#libs/kernel/hash.js';
import { sql, type CommonQueryMethods, type DatabasePool } from '#libs/postgres/pool.js';
import { isUniqueViolation } from '#libs/postgres/unique-violation.js';

/** How long a one-time code may be used, seconds. */
const CODE_LIFETIME_S = 600;

export interface SlackAccount {
  readonly team: string;
  readonly slackUser: string;
  readonly slackName: string;
}

/** Whom a Slack account was linked to by a one-time code. */
export async function findLink(
  connection: CommonQueryMethods,
  team: string,
  slackUser: string,
): Promise<{ name: string; issuer: string; subject: string } | undefined> {
  const link = await connection.maybeOne(sql.type(
    z.object({ name: z.string(), issuer: z.string(), subject: z.string() }),
  )`
    SELECT name, issuer, subject FROM approvals.slack_links WHERE team = ${team} AND slack_user = ${slackUser}`);
  return link ?? undefined;
}

/** Keeps the hash of a code; the code itself is only shown to the Slack user. Older ones of that user end. */
export async function keepCode(pool: DatabasePool, code: string, account: SlackAccount): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.query(sql.unsafe`
      DELETE FROM approvals.slack_link_codes
      WHERE expires_at < now() OR (team = ${account.team} AND slack_user = ${account.slackUser})`);
    await tx.query(sql.unsafe`
      INSERT INTO approvals.slack_link_codes (code_sha256, team, slack_user, slack_name, expires_at)
      VALUES (${sql.binary(hashOf(code))}, ${account.team}, ${account.slackUser}, ${account.slackName},
        now() + make_interval(secs => ${CODE_LIFETIME_S}))`);
  });
}

/** The account a code stands for; the code is not used up. */
export async function findCode(
  connection: CommonQueryMethods,
  code: string,
): Promise<SlackAccount | undefined> {
  const row = await connection.maybeOne(sql.type(
    z.object({ team: z.string(), slack_user: z.string(), slack_name: z.string() }),
  )`
    SELECT team, slack_user, slack_name FROM approvals.slack_link_codes
    WHERE code_sha256 = ${sql.binary(hashOf(code))} AND expires_at > now()`);
  return row === null ? undefined : { team: row.team, slackUser: row.slack_user, slackName: row.slack_name };
}

export type Linked =
  | { readonly kind: 'linked'; readonly account: SlackAccount }
  | { readonly kind: 'unknown-code' }
  /** The code is good and is of another Slack account than the person named; it is not used up. */
  | { readonly kind: 'another-account'; readonly account: SlackAccount }
  | { readonly kind: 'already-linked' };

/** Uses a code up and links its account to a signed-in identity: one account a person, one person an account. */
export async function useCode(
  pool: DatabasePool,
  code: string,
  slackUser: string,
  identity: Identity,
): Promise<Linked> {
  try {
    return await pool.transaction(async (tx): Promise<Linked> => {
      const account = await findCode(tx, code);
      if (account === undefined) return { kind: 'unknown-code' };
      if (account.slackUser !== slackUser) return { kind: 'another-account', account };
      const used = await tx.query(sql.unsafe`
        DELETE FROM approvals.slack_link_codes WHERE code_sha256 = ${sql.binary(hashOf(code))}`);
      if (used.rowCount !== 1) return { kind: 'unknown-code' };
      await tx.query(sql.unsafe`
        INSERT INTO approvals.slack_links (team, slack_user, name, issuer, subject)
        VALUES (${account.team}, ${account.slackUser}, ${identity.name}, ${identity.issuer}, ${identity.subject})`);
      return { kind: 'linked', account };
    });
  } catch (error) {
    if (isUniqueViolation(error)) return { kind: 'already-linked' };
    throw error;
  }
}

/** Ends the link of a person. */
export async function unlink(connection: CommonQueryMethods, name: string): Promise<boolean> {
  const gone = await connection.query(sql.unsafe`DELETE FROM approvals.slack_links WHERE name = ${name}`);
  return gone.rowCount === 1;
}

const hashOf = (code: string): Buffer => sha256(Buffer.from(`countersign slack link ${code}`, 'utf8'));
