import type { AnyEvent, EventOf } from '#libs/contracts/events/registry.js';
import { uuidArray } from '#libs/postgres/binary-array.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Chain } from '../chain.js';
import {
  INTENT,
  INTENT_COLUMNS,
  intentColumns,
  isChange,
  OUTCOME,
  OUTCOME_COLUMNS,
  outcomeColumns,
  REGISTER,
  type Columns,
} from '../changes-register.js';
import type { Findings } from './finding.js';

const PAGE = 1_000;
const COLUMNS = [...INTENT_COLUMNS, ...OUTCOME_COLUMNS] as const;
const NO_OUTCOME = Object.fromEntries(OUTCOME_COLUMNS.map((name) => [name, null]));

type Row = Columns<(typeof COLUMNS)[number]>;
type Intent = EventOf<typeof INTENT>;

/** A row that must be there, and the entry it follows from. */
interface Due {
  readonly seq: bigint;
  readonly row: Row;
}

/** Entries of a chain that the projection has taken in: behind its position, and not passed over. */
export const PROJECTED = `EXISTS (SELECT FROM projections.positions o
    WHERE o.projection = '${REGISTER}' AND o.chain = e.chain AND e.seq < o.next_seq)
  AND NOT EXISTS (SELECT FROM projections.passed_over o
    WHERE o.projection = '${REGISTER}' AND o.chain = e.chain AND o.seq = e.seq)`;

/**
 * Compares the rows of the register of changes with what the ledger makes of them. An intent waits for its
 * outcome, which comes from the same producer on the same chain; so what is kept are the statements that had
 * no outcome yet at one place of the ledger.
 */
export class RegisterCheck {
  private due = 0;

  constructor(
    private readonly query: BulkQuery,
    private readonly findings: Findings,
  ) {}

  /** All entries of a chain whose own bytes have been found sound. */
  async chain(chain: Chain): Promise<void> {
    const open = new Map<string, Due>();
    for await (const { seq, event } of this.events(chain, [INTENT, OUTCOME])) {
      if (event.type === INTENT && isRegistered(event)) {
        const row = { ...intentColumns(event, { chain: chain.chain, seq }), ...NO_OUTCOME } as Row;
        open.set(event.id, { seq, row });
        this.due += 1;
      } else if (event.type === OUTCOME) {
        const intent = open.get(event.intentId);
        if (intent === undefined) continue;
        open.delete(event.intentId);
        await this.compareLater(chain, { ...intent, row: { ...intent.row, ...outcomeColumns(event) } });
      }
    }
    for (const intent of open.values()) await this.compareLater(chain, intent);
    await this.compare(chain);
  }

  /** After all chains: rows that nothing in the ledger makes. */
  async extra(chains: readonly Chain[]): Promise<void> {
    const [total] = await this.query<{ rows: string }>(
      'SELECT count(*)::text AS rows FROM projections.changes_v1',
    );
    if (Number(total?.rows) <= this.due) return;
    const names = new Map(chains.map(({ chain, name }) => [chain, name]));
    const strays = await this.query<{ intent_id: string; chain: number; seq: string }>(
      `SELECT c.intent_id::text, c.chain, c.seq::text FROM projections.changes_v1 c
       WHERE NOT EXISTS (SELECT FROM ledger.entries e WHERE e.chain = c.chain AND e.seq = c.seq
         AND e.event_id = c.intent_id AND e.type = '${INTENT}' AND ${PROJECTED})
       ORDER BY c.chain, c.seq LIMIT ${PAGE}`,
    );
    for (const { intent_id, chain, seq } of strays)
      this.report(names.get(chain) ?? `#${chain}`, BigInt(seq), intent_id, 'nothing in the ledger makes it');
    // The rest are rows of statements that are in the ledger and are no changes.
    for (const chain of chains.filter(({ name }) => name.startsWith('statements/'))) await this.reads(chain);
  }

  private async reads(chain: Chain): Promise<void> {
    let waiting = new Map<string, bigint>();
    const look = async (): Promise<void> => {
      for (const [id, row] of await this.rows([...waiting.keys()]))
        if (row.chain === String(chain.chain))
          this.report(chain.name, waiting.get(id) as bigint, id, 'the statement is no change');
      waiting = new Map();
    };
    for await (const { seq, event } of this.events(chain, [INTENT])) {
      if (event.type !== INTENT || isRegistered(event)) continue;
      waiting.set(event.id, seq);
      if (waiting.size === PAGE) await look();
    }
    await look();
  }

  private waiting: Due[] = [];

  private async compareLater(chain: Chain, due: Due): Promise<void> {
    this.waiting.push(due);
    if (this.waiting.length === PAGE) await this.compare(chain);
  }

  private async compare(chain: Chain): Promise<void> {
    const rows = await this.rows(this.waiting.map(({ row }) => row.intent_id as string));
    for (const { seq, row } of this.waiting) {
      const id = row.intent_id as string;
      const stored = rows.get(id);
      const wrong = COLUMNS.filter((name) => stored?.[name] !== row[name]);
      if (stored === undefined) this.report(chain.name, seq, id, 'is missing');
      else if (wrong.length > 0)
        this.report(chain.name, seq, id, `says something else than the ledger: ${wrong.join(', ')}`);
    }
    this.waiting = [];
  }

  private async rows(ids: readonly string[]): Promise<Map<string, Row>> {
    if (ids.length === 0) return new Map();
    const rows = await this.query<Row>(
      `SELECT ${COLUMNS.map((name) => `${name}::text`).join(', ')}
       FROM projections.changes_v1 WHERE intent_id = ANY($1)`,
      [uuidArray(ids)],
    );
    return new Map(rows.map((row) => [row.intent_id as string, row]));
  }

  private report(chain: string, seq: bigint, intentId: string, what: string): void {
    this.findings.add('PROJECTION_DIVERGED', chain, seq, `${REGISTER}, row ${intentId}: ${what}`);
  }

  private async *events(
    { chain, name }: Chain,
    types: readonly string[],
  ): AsyncGenerator<{ seq: bigint; event: AnyEvent }> {
    for (let from: bigint | undefined = 0n; from !== undefined;) {
      const page: { seq: string; payload: Buffer }[] = await this.query(
        `SELECT e.seq::text, p.payload FROM ledger.entries e JOIN ledger.payloads p USING (chain, seq)
         WHERE e.chain = $1 AND e.seq >= $2 AND e.type = ANY($3) AND ${PROJECTED}
         ORDER BY e.seq LIMIT ${PAGE}`,
        [chain, from, types],
      );
      for (const { seq, payload } of page) {
        // What is found altered itself is not held against the register.
        if (this.findings.isAbout(name, BigInt(seq))) continue;
        // Read once when it was projected: checking it against the schema again costs ten times as much.
        yield { seq: BigInt(seq), event: JSON.parse(payload.toString('utf8')) as AnyEvent };
      }
      const last: string | undefined = page.length < PAGE ? undefined : page.at(-1)?.seq;
      from = last === undefined ? undefined : BigInt(last) + 1n;
    }
  }
}

const isRegistered = ({ statement, verdict }: Intent): boolean =>
  isChange(statement.category, verdict.effect);
