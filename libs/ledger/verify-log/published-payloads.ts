import { decodeEntry } from '#libs/tlog/entry.js';
import { HASH_BYTES, payloadCommitment } from '#libs/tlog/hashing.js';
import { describesPayload } from '../verify/check-columns.js';
import type { Findings } from '../verify/finding.js';
import type { PayloadReader, SealedPayload } from './payload-reader.js';

/** Compares the payloads of a log with what its entries commit to and say of them, as far as the caller may read them. */
export class PublishedPayloads {
  private refused = false;

  constructor(
    private readonly reader: PayloadReader | undefined,
    private readonly chain: string,
    private readonly findings: Findings,
  ) {}

  /** Entries that follow one another, the first of them being `begin`. */
  async check(begin: bigint, entries: readonly Buffer[]): Promise<void> {
    for (let done = 0; this.reader !== undefined && !this.refused && done < entries.length;) {
      const page = await this.reader.read(begin + BigInt(done), entries.length - done);
      if (page === 'refused') {
        this.refused = true;
        return;
      }
      for (const sealed of page) {
        this.compare(begin + BigInt(done), entries[done] as Buffer, sealed);
        done += 1;
      }
    }
  }

  private compare(seq: bigint, bytes: Buffer, { salt, payload }: SealedPayload): void {
    const entry = decodeEntry(bytes);
    // Named already, and it commits to nothing.
    if (entry === undefined) return;
    if (salt === null || payload === null) {
      this.findings.add('UNAUTHORISED_ERASURE', this.chain, seq, 'salt or payload is missing');
      return;
    }
    const good =
      salt.length === HASH_BYTES &&
      payload.length === entry.payloadLength &&
      payloadCommitment(salt, payload).equals(entry.payloadCommit);
    if (!good)
      this.findings.add(
        'PAYLOAD_MISMATCH',
        this.chain,
        seq,
        'salt and payload are not what the entry commits to',
      );
    else if (!describesPayload(entry, payload))
      this.findings.add('ENTRY_MALFORMED', this.chain, seq, 'it does not describe its payload');
  }
}
