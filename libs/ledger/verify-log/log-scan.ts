import { CompactRange } from '#libs/tlog/compact-range.js';
import { decodeEntry, type Entry } from '#libs/tlog/entry.js';
import { genesisHash } from '#libs/tlog/genesis.js';
import { leafHash } from '#libs/tlog/hashing.js';
import { isSealedByLedger, isSequenceType } from '../event-columns.js';
import { checkProducerSeq } from '../producer-sequence.js';
import type { FindingKind, Findings } from '../verify/finding.js';
import { LinkCheck } from '../verify/link-check.js';

/**
 * Goes once through the entries of a published log, in order: their bytes against one another and, through
 * the tree they make, against what was signed. Knows nothing of payloads. Constant memory but for one
 * number a producer.
 */
export class LogScan {
  readonly range = CompactRange.empty();
  private readonly links = new LinkCheck();
  private readonly producers = new Map<string, bigint>();
  private readonly sources = new Map<string, { offset: bigint; leaderEpoch: number }>();
  private head: Buffer;
  private chainId: string | undefined;
  private recordedAt = 0n;

  constructor(
    private readonly chain: string,
    genesis: Buffer,
    private readonly findings: Findings,
  ) {
    this.head = genesisHash(genesis);
  }

  /** Takes the next entry and returns its leaf hash. */
  entry(bytes: Buffer): Buffer {
    const seq = this.range.size;
    const leaf = leafHash(bytes);
    const entry = decodeEntry(bytes);
    if (entry === undefined) this.report('ENTRY_MALFORMED', seq, 'the bytes are not an entry');
    else this.decoded(entry, seq);
    this.brokenAt(this.links.link(seq, entry === undefined || entry.prev.equals(this.head)));
    this.head = leaf;
    this.range.append(leaf);
    return leaf;
  }

  /** After the last entry; `signed`: whether the signed root is the one these entries make. */
  end(signed: boolean): void {
    this.brokenAt(this.links.end(signed));
  }

  private decoded(entry: Entry, seq: bigint): void {
    if (entry.seq !== seq) this.report('SEQ_FIELD_MISMATCH', seq, `the bytes say ${entry.seq}`);
    this.chainId ??= entry.chainId;
    if (entry.chainId !== this.chainId) this.report('CHAIN_BREAK', seq, 'it belongs to another chain');
    if (entry.recordedAt < this.recordedAt)
      this.report('TIME_REGRESSION', seq, 'recorded before its predecessor');
    this.recordedAt = entry.recordedAt;
    this.source(entry, seq);
    if (isSealedByLedger(entry.type)) return;
    const { next, finding } = checkProducerSeq(
      entry.producer,
      entry.producerSeq,
      this.producers.get(entry.producer) ?? 0n,
    );
    this.producers.set(entry.producer, next);
    if (finding !== undefined) this.report(finding.kind, seq, finding.detail);
  }

  private source({ source, type }: Entry, seq: bigint): void {
    const key = `${source.cluster}\n${source.topicId}\n${source.partition}`;
    const before = this.sources.get(key);
    this.sources.set(key, source);
    if (isSequenceType(type)) {
      if (source.offset !== before?.offset)
        this.report(
          'SOURCE_REGRESSION',
          seq,
          `offset ${source.offset} is not that of the record it is about`,
        );
      return;
    }
    if (before === undefined) return;
    if (source.offset === before.offset)
      this.report('DUPLICATE_SOURCE', seq, `offset ${source.offset} is sealed twice`);
    else if (source.offset < before.offset || source.leaderEpoch < before.leaderEpoch)
      this.report('SOURCE_REGRESSION', seq, `offset ${source.offset} after ${before.offset}`);
  }

  private brokenAt(seq: bigint | undefined): void {
    if (seq !== undefined)
      this.report(
        'CHAIN_BREAK',
        seq,
        'its hash is not the one its successor names, or it names another predecessor',
      );
  }

  private report(kind: FindingKind, seq: bigint, detail: string): void {
    this.findings.add(kind, this.chain, seq, detail);
  }
}
