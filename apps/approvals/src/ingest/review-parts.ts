import { z } from 'zod';
import type { Binding } from '#libs/contracts/binding.js';
import { joinStatements, type InParts } from '#libs/contracts/binding-parts.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';

type Part = EventOf<'review.part-recorded'>;

/** The parts of long questions: those of one batch in memory, those before it from the database. */
export class ReviewParts {
  private readonly ofBatch = new Map<string, Map<number, string>>();

  constructor(private readonly connection: CommonQueryMethods) {}

  add({ requestId, sha256, index, text }: Part): void {
    const key = `${requestId}/${sha256}`;
    const parts = this.ofBatch.get(key) ?? new Map<number, string>();
    this.ofBatch.set(key, parts.set(index, text));
  }

  /**
   * The statements of a question that has them in parts; undefined where it has not, or where the parts are missing or
   * are not those it names. Their hash, which the gateway has signed, makes them the question's own.
   */
  async statementsOf(question: EventOf<'review.asked'>): Promise<Binding['statements'] | undefined> {
    const { requestId, statementsInParts: inParts } = question;
    if (requestId === undefined || inParts === undefined) return undefined;
    const parts = new Map(this.ofBatch.get(`${requestId}/${inParts.sha256}`));
    if (parts.size < inParts.count)
      for (const [index, text] of await storedParts(this.connection, requestId, inParts))
        parts.set(index, text);
    const inOrder = [...parts].sort(([a], [b]) => a - b).map(([, text]) => text);
    return joinStatements(inOrder, inParts);
  }
}

/** Keeps a part for the batch in which its question comes. */
export async function keepPart(
  tx: CommonQueryMethods,
  { requestId, sha256, index, text }: Part,
): Promise<void> {
  await tx.query(sql.unsafe`
    INSERT INTO approvals.review_parts (request_id, sha256, index, text)
    VALUES (${requestId as string}, ${sha256}, ${index}, ${text})
    ON CONFLICT DO NOTHING`);
}

async function storedParts(
  connection: CommonQueryMethods,
  requestId: string,
  { sha256 }: InParts,
): Promise<[number, string][]> {
  const rows = await connection.any(sql.type(z.object({ index: z.number(), text: z.string() }))`
    SELECT index, text FROM approvals.review_parts WHERE request_id = ${requestId} AND sha256 = ${sha256}`);
  return rows.map(({ index, text }) => [index, text]);
}
