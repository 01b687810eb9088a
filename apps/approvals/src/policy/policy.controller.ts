import { Controller, Get, Inject, Query } from '@nestjs/common';
import { z } from 'zod';
import { sha256HexSchema } from '#libs/contracts/envelope.js';
import { ProblemException } from '#libs/http/problem.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';
import { POOL } from '../tokens.js';

const rowSchema = z.object({
  version: z.number(),
  hash: z.string(),
  text: z.string(),
  author: z.string(),
  previous_hash: z.string().nullable(),
  at: z.string(),
});

/** The policy in force, or an earlier one by its hash: whoever is judged by it may read it. */
@Controller('v1/policy')
export class PolicyController {
  constructor(@Inject(POOL) private readonly pool: DatabasePool) {}

  @Get()
  async show(@Query('hash') hash?: string): Promise<object> {
    if (hash !== undefined && !sha256HexSchema.safeParse(hash).success)
      throw new ProblemException('bad-request', 400, 'Bad request', 'hash: must be a SHA-256 in hexadecimal');
    const row = await this.pool.maybeOne(sql.type(rowSchema)`
      SELECT version, hash, text, author, previous_hash,
             to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
      FROM approvals.publications
      WHERE ${hash ?? null}::text IS NULL OR hash = ${hash ?? null}
      ORDER BY ordinal DESC LIMIT 1`);
    if (row === null)
      throw new ProblemException('unknown-policy', 404, 'Unknown policy', 'No such policy was published.');
    const { previous_hash: previousHash, at: publishedAt, ...policy } = row;
    return { ...policy, publishedAt, ...(previousHash === null ? {} : { previousHash }) };
  }
}
