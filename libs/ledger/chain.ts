import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** A chain of the ledger as its table names it. */
export interface Chain {
  readonly chain: number;
  /** `<topic>/<partition>` */
  readonly name: string;
  readonly chainId: string;
  readonly origin: string;
  readonly genesis: Buffer;
}

export const readChains = (query: BulkQuery): Promise<Chain[]> =>
  query<Chain>(
    'SELECT chain, name, chain_id AS "chainId", origin, genesis FROM ledger.chains ORDER BY chain',
  );

export const chainName = (topic: string, partition: number): string => `${topic}/${partition}`;
