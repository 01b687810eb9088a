import { BytesWriter } from '#libs/kernel/bytes-writer.js';
import { sha256 } from '#libs/kernel/hash.js';
import { uuidToBytes } from '#libs/kernel/uuid.js';
import { HASH_BYTES } from './hashing.js';

/** "CSGENES" and the version of the layout. */
export const GENESIS_MAGIC = Buffer.from('CSGENES\x01', 'latin1');

/** The last checkpoint of the log that this one carries on, where there is one. */
export interface Predecessor {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Buffer;
}

export interface Genesis {
  readonly chainId: string;
  readonly origin: string;
  readonly predecessor?: Predecessor;
}

/** What a chain begins with; the SHA-256 of these bytes is the `prev` of its entry 0. docs/formats/ledger-entry.md. */
export const encodeGenesis = ({ chainId, origin, predecessor }: Genesis): Buffer => {
  const writer = new BytesWriter();
  return writer
    .fixed(GENESIS_MAGIC, 8)
    .fixed(uuidToBytes(chainId), 16)
    .text16(origin)
    .optional(predecessor, (before) =>
      writer.text16(before.origin).u64(before.size).fixed(before.root, HASH_BYTES),
    )
    .bytes();
};

export const genesisHash = (descriptor: Uint8Array): Buffer => sha256(descriptor);
