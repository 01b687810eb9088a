import { Controller, Get, Header, Inject, Param, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import type { Authenticated } from '#libs/http/bearer.guard.js';
import { ProblemException } from '#libs/http/problem.js';
import type { Chain } from '#libs/ledger/chain.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { CheckpointSigner } from '../checkpoints/checkpoint-signer.js';
import { seesEverything } from '../feed/access.js';
import { forbidden, parseQuery } from '../feed/events.controller.js';
import { CHAINS, QUERY, SIGNER } from '../tokens.js';
import { readPayloads, type PayloadPage } from './read-payloads.js';

const querySchema = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-6])$/, 'must be a number from 1 to 256')
    .transform(Number)
    .default(1),
});

/** What the logs only commit to, for who must check it: entries with their salts and payloads, as stored. */
@Controller('v1/logs/:topic/:partition/entries')
export class PayloadsController {
  constructor(
    @Inject(QUERY) private readonly query: BulkQuery,
    @Inject(CHAINS) private readonly chains: readonly Chain[],
    @Inject(SIGNER) private readonly signer: CheckpointSigner,
  ) {}

  @Get(':seq')
  @Header('cache-control', 'no-store')
  async entries(
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Param('seq') seq: string,
    @Query() parameters: unknown,
    @Req() { identity }: Authenticated,
  ): Promise<PayloadPage> {
    if (!seesEverything(identity)) throw forbidden();
    const { limit } = parseQuery(querySchema, parameters);
    const chain = this.chains.find(({ name }) => name === `${topic}/${partition}`);
    if (chain === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(seq)) throw notThere();
    // What is served is what is signed, here as in the log.
    const page = await readPayloads(
      this.query,
      chain,
      BigInt(seq),
      limit,
      this.signer.currentSize(chain.name),
    );
    if (page === undefined) throw notThere();
    return page;
  }
}

const notThere = (): ProblemException => new ProblemException('not-found', 404, 'Not in the log');
