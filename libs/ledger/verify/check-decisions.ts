import { parseEvent } from '#libs/contracts/events/registry.js';
import { uuidArray } from '#libs/postgres/binary-array.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Chain } from '../chain.js';
import { DECISION_TYPES, decisionOf, type RegisteredDecision } from '../changes-register.js';
import { PROJECTED } from './check-register.js';
import type { Findings } from './finding.js';

const PAGE = 1_000;
const TABLE = 'change_decisions_v1';

interface Due extends RegisteredDecision {
  readonly chain: number;
  readonly seq: bigint;
}

interface DecisionRow {
  request_id: string;
  decision: string;
  decided_by: (string | null)[];
  decided_at: string;
  reason: string | null;
}

/**
 * Compares what the register says of decisions with the ledger, request by request in the order of the index
 * that finds them: one request's decisions are in memory at a time.
 */
export async function checkDecisions(
  query: BulkQuery,
  chains: readonly Chain[],
  findings: Findings,
): Promise<void> {
  const names = new Map(chains.map(({ chain, name }) => [chain, name]));
  const report = (chain: number, seq: bigint, requestId: string, what: string): void =>
    findings.add(
      'PROJECTION_DIVERGED',
      names.get(chain) ?? `#${chain}`,
      seq,
      `${TABLE}, row ${requestId}: ${what}`,
    );
  let waiting: Due[] = [];
  const compare = async (): Promise<void> => {
    const rows = await query<DecisionRow>(
      `SELECT request_id::text, decision, decided_by, decided_at::text, reason
       FROM projections.${TABLE} WHERE request_id = ANY($1)`,
      [uuidArray(waiting.map(({ requestId }) => requestId))],
    );
    const stored = new Map(rows.map((row) => [row.request_id, row]));
    for (const { chain, seq, requestId, ...due } of waiting) {
      const row = stored.get(requestId);
      const same =
        row?.decision === due.decision &&
        row.decided_at === due.decidedAt &&
        row.reason === due.reason &&
        JSON.stringify(row.decided_by) === JSON.stringify(due.decidedBy);
      if (row === undefined) report(chain, seq, requestId, 'is missing');
      else if (!same) report(chain, seq, requestId, 'says something else than the ledger');
    }
    waiting = [];
  };

  let current: Due | undefined;
  for await (const next of decisions(query, names, findings)) {
    if (current !== undefined && current.requestId !== next.requestId) {
      waiting.push(current);
      if (waiting.length === PAGE) await compare();
      current = undefined;
    }
    const decidedBy = next.decidedBy.length > 0 ? next.decidedBy : (current?.decidedBy ?? []);
    current = { ...next, decidedBy };
  }
  if (current !== undefined) waiting.push(current);
  await compare();

  const strays = await query<{ request_id: string }>(
    `SELECT d.request_id::text FROM projections.${TABLE} d WHERE NOT EXISTS
       (SELECT FROM ledger.entries e WHERE e.request_id = d.request_id AND e.type = ANY($1) AND ${PROJECTED})
     LIMIT ${PAGE}`,
    [DECISION_TYPES],
  );
  for (const { request_id } of strays)
    findings.add(
      'PROJECTION_DIVERGED',
      '*',
      undefined,
      `${TABLE}, row ${request_id}: nothing in the ledger makes it`,
    );
}

async function* decisions(
  query: BulkQuery,
  names: ReadonlyMap<number, string>,
  findings: Findings,
): AsyncGenerator<Due> {
  const approvals = [...names].filter(([, name]) => name.startsWith('approvals/')).map(([chain]) => chain);
  let after: [string, number, string] = ['00000000-0000-0000-0000-000000000000', 0, '-1'];
  for (;;) {
    const page = await query<{ request_id: string; chain: number; seq: string; payload: Buffer }>(
      `SELECT e.request_id::text, e.chain, e.seq::text, p.payload
       FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
       WHERE (e.request_id, e.chain, e.seq) > ($1::uuid, $2::int, $3::bigint) AND e.request_id IS NOT NULL
         AND e.type = ANY($4) AND e.chain = ANY($5) AND ${PROJECTED}
       ORDER BY e.request_id, e.chain, e.seq LIMIT ${PAGE}`,
      [...after, DECISION_TYPES, approvals],
    );
    for (const row of page) {
      const { chain } = row;
      const seq = BigInt(row.seq);
      if (findings.isAbout(names.get(chain) as string, seq)) continue;
      const parsed = parseEvent(row.payload);
      const decided = parsed.ok ? decisionOf(parsed.event) : undefined;
      if (decided !== undefined) yield { ...decided, chain, seq };
    }
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) return;
    after = [last.request_id, last.chain, last.seq];
  }
}
