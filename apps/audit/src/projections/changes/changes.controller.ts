import { Controller, Get, Inject, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { seesEverything } from '../../feed/access.js';
import { badRequest, forbidden, limitSchema, parseQuery } from '../../feed/events.controller.js';
import { QUERY } from '../../tokens.js';

const querySchema = z.strictObject({ after: z.string().max(128).optional(), limit: limitSchema });

interface ChangeRow {
  readonly intent_id: string;
  readonly chain: string;
  readonly seq: string;
  readonly intended_at: string;
  readonly request_id: string | null;
  readonly session_id: string | null;
  readonly who: string | null;
  readonly who_kind: string | null;
  readonly on_behalf_of: string | null;
  readonly target: string;
  readonly environment: string;
  readonly database: string;
  readonly kind: string;
  readonly category: string;
  readonly statement_sha256: string;
  readonly statement_text: string | null;
  readonly rule: string;
  readonly effect: string;
  readonly policy_version: number;
  readonly outcome: string | null;
  readonly outcome_at: string | null;
  readonly rows: string | null;
  readonly sqlstate: string | null;
  readonly reason: string | null;
  readonly decision: string | null;
  readonly decided_by: string[];
  readonly decided_at: string | null;
  readonly decision_reason: string | null;
}

/** The register of changes, oldest first, for compliance. */
@Controller('v1/changes')
export class ChangesController {
  constructor(@Inject(QUERY) private readonly query: BulkQuery) {}

  @Get()
  async page(@Query() parameters: unknown, @Req() request: Authenticated): Promise<unknown> {
    if (!seesEverything(request.identity)) throw forbidden();
    const { after, limit } = parseQuery(querySchema, parameters);
    const [time, id] = after === undefined ? ['-1', NOBODY] : decodeAfter(after);
    const rows = await this.query<ChangeRow>(
      `SELECT v.*, v.chain_name AS chain FROM (
         SELECT c.intent_id::text, n.name AS chain_name, c.seq::text, c.intended_at::text, c.request_id::text,
           c.session_id::text, c.who, c.who_kind, c.on_behalf_of, c.target, c.environment, c.database, c.kind,
           c.category, c.statement_sha256, c.statement_text, c.rule, c.effect, c.policy_version, c.outcome,
           c.outcome_at::text, c.rows::text, c.sqlstate, c.reason, c.decision, c.decided_by, c.decided_at::text,
           c.decision_reason
         FROM projections.changes c JOIN ledger.chains n USING (chain)
         WHERE (c.intended_at, c.intent_id) > ($1, $2)
         ORDER BY c.intended_at, c.intent_id LIMIT $3) AS v`,
      [time, id, limit + 1],
    );
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const stopped = await this.query<{ chain: string; seq: string; problem: string }>(
      `SELECT n.name AS chain, p.next_seq::text AS seq, p.stopped AS problem
       FROM projections.positions p JOIN ledger.chains n USING (chain)
       WHERE p.projection = 'changes_v1' AND p.stopped IS NOT NULL ORDER BY n.name`,
    );
    return {
      changes: shown.map(changeOf),
      next_cursor: last === undefined ? (after ?? null) : encodeAfter(last),
      has_more: rows.length > limit,
      // The register is not complete while it stands still anywhere: a reader must be told.
      stopped: stopped.map((each) => ({ ...each, seq: Number(each.seq) })),
    };
  }
}

const NOBODY = '00000000-0000-0000-0000-000000000000';

const encodeAfter = (row: ChangeRow): string =>
  Buffer.from(`${row.intended_at} ${row.intent_id}`).toString('base64url');

function decodeAfter(after: string): [string, string] {
  const match = /^(-?[0-9]{1,18}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
    Buffer.from(after, 'base64url').toString('utf8'),
  );
  if (match === null) throw badRequest('after: not a cursor of this register');
  return [match[1] as string, match[2] as string];
}

const changeOf = (row: ChangeRow): Record<string, unknown> => ({
  intentId: row.intent_id,
  chain: row.chain,
  seq: Number(row.seq),
  time: isoTime(row.intended_at),
  requestId: row.request_id,
  sessionId: row.session_id,
  who: { name: row.who, kind: row.who_kind, onBehalfOf: row.on_behalf_of },
  target: { name: row.target, environment: row.environment, database: row.database },
  statement: {
    kind: row.kind,
    category: row.category,
    sha256: row.statement_sha256,
    text: row.statement_text,
  },
  verdict: { rule: row.rule, effect: row.effect, policyVersion: row.policy_version },
  decision:
    row.decision === null
      ? null
      : {
          decision: row.decision,
          decidedBy: row.decided_by,
          time: isoTime(row.decided_at),
          reason: row.decision_reason,
        },
  outcome:
    row.outcome === null
      ? null
      : {
          outcome: row.outcome,
          time: isoTime(row.outcome_at),
          rows: row.rows === null ? null : Number(row.rows),
          sqlstate: row.sqlstate,
          reason: row.reason,
        },
});

const isoTime = (microseconds: string | null): string | null =>
  microseconds === null ? null : new Date(Number(BigInt(microseconds) / 1000n)).toISOString();
