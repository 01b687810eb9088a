import { z } from 'zod';
import type { Identity } from '#libs/contracts/identity.js';
import { sha256 } from '#libs/kernel/hash.js';
import { sql, type CommonQueryMethods, type DatabasePool } from '#libs/postgres/pool.js';

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

export type Linked =
  | { readonly kind: 'linked'; readonly account: SlackAccount }
  | { readonly kind: 'unknown-code' }
  /** The code is good and is of another Slack account than the person named; it is not used up. */
  | { readonly kind: 'another-account' }
  | { readonly kind: 'already-linked' };

/**
 * Uses a code up and links its account to a signed-in identity: one account a person, one person an account. A code
 * that is refused is not used up. In the caller's transaction.
 */
export async function useCode(
  tx: CommonQueryMethods,
  code: string,
  slackUser: string,
  identity: Identity,
): Promise<Linked> {
  const hash = sql.binary(hashOf(code));
  const row = await tx.maybeOne(sql.type(
    z.object({ team: z.string(), slackUser: z.string(), slackName: z.string() }),
  )`
    SELECT team, slack_user AS "slackUser", slack_name AS "slackName" FROM approvals.slack_link_codes
    WHERE code_sha256 = ${hash} AND expires_at > now() FOR UPDATE`);
  if (row === null) return { kind: 'unknown-code' };
  if (row.slackUser !== slackUser) return { kind: 'another-account' };
  const linked = await tx.query(sql.unsafe`
    INSERT INTO approvals.slack_links (team, slack_user, name, issuer, subject)
    VALUES (${row.team}, ${row.slackUser}, ${identity.name}, ${identity.issuer}, ${identity.subject})
    ON CONFLICT DO NOTHING`);
  if (linked.rowCount !== 1) return { kind: 'already-linked' };
  await tx.query(sql.unsafe`DELETE FROM approvals.slack_link_codes WHERE code_sha256 = ${hash}`);
  return { kind: 'linked', account: row };
}

/** Ends the link of a person; returns the account it was of. In the caller's transaction. */
export async function unlink(
  tx: CommonQueryMethods,
  name: string,
): Promise<Pick<SlackAccount, 'team' | 'slackUser'> | undefined> {
  const gone = await tx.maybeOne(sql.type(z.object({ team: z.string(), slackUser: z.string() }))`
    DELETE FROM approvals.slack_links WHERE name = ${name} RETURNING team, slack_user AS "slackUser"`);
  return gone ?? undefined;
}

const hashOf = (code: string): Buffer => sha256(Buffer.from(`countersign slack link ${code}`, 'utf8'));
