import { connectClient } from '#libs/postgres/client.js';

export interface ChangedByte {
  readonly chain: string;
  readonly seq: number;
}

/**
 * What somebody with the whole database in hands can do: triggers off, then one letter of one sealed
 * event changed, in the first event of the request that contains `text` and is of that type.
 */
export async function changeOneByte(
  superuserUrl: string,
  requestId: string,
  type: string,
  text: string,
): Promise<ChangedByte | undefined> {
  const client = await connectClient(superuserUrl, 'countersign demo');
  try {
    await client.query('ALTER TABLE ledger.payloads DISABLE TRIGGER ALL');
    const { rows } = await client.query<{ chain: string; seq: string }>(
      `UPDATE ledger.payloads p
       SET payload = set_byte(payload, at.byte, get_byte(payload, at.byte) # 1)
       FROM ledger.entries e JOIN ledger.chains c ON c.chain = e.chain,
         LATERAL (SELECT position(convert_to($3, 'UTF8') IN q.payload) - 1 AS byte
                  FROM ledger.payloads q WHERE q.chain = e.chain AND q.seq = e.seq) AS at
       WHERE (p.chain, p.seq) = (e.chain, e.seq) AND e.request_id = $1 AND e.type = $2 AND at.byte >= 0
       RETURNING c.name AS chain, e.seq`,
      [requestId, type, text],
    );
    const row = rows[0];
    return row === undefined ? undefined : { chain: row.chain, seq: Number(row.seq) };
  } finally {
    // While it is off, audit seals nothing.
    await client
      .query('ALTER TABLE ledger.payloads ENABLE ALWAYS TRIGGER append_only')
      .catch(() => undefined);
    await client.end();
  }
}
