import { TOPIC_NAMES, TOPICS } from '#libs/contracts/topics.js';
import { chainName, readChains, type Chain } from '#libs/ledger/chain.js';
import { encodeGenesis } from '#libs/tlog/genesis.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { CodedError } from '#libs/kernel/coded-error.js';

/**
 * Makes the chain of every partition that has none yet and returns all of them. An origin is fixed at
 * creation: one that differs from the setting is a start error.
 */
export async function createChains(query: BulkQuery, origin: string, newId: () => string): Promise<Chain[]> {
  const names = TOPIC_NAMES.flatMap((topic) =>
    Array.from({ length: TOPICS[topic].partitions }, (_, partition) => chainName(topic, partition)),
  );
  const existing = new Set((await readChains(query)).map(({ name }) => name));
  for (const name of names.filter((each) => !existing.has(each))) {
    const chainId = newId();
    const genesis = encodeGenesis({ chainId, origin: `${origin}/${name}` });
    await query('SELECT ledger.create_chain($1, $2, $3, $4)', [name, chainId, `${origin}/${name}`, genesis]);
  }
  const chains = await readChains(query);
  const other = chains.find((chain) => chain.origin !== `${origin}/${chain.name}`);
  if (other !== undefined) {
    throw new CodedError(
      'ORIGIN_DIFFERS',
      `COUNTERSIGN_LEDGER_ORIGIN: the ledger's logs were created as ${other.origin}; an origin never changes`,
    );
  }
  return chains;
}
