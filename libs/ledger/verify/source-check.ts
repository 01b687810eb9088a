import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import type { Entry } from '#libs/tlog/entry.js';
import { isSequenceType } from '../event-columns.js';
import type { Findings } from './finding.js';

interface SourceRow {
  source: number;
  cluster: string | null;
  topic_id: string | null;
  next_offset: string | null;
}

/** Where a chain's records came from: offsets only rise, and the consumer's position is the last one + 1. */
export class SourceCheck {
  private readonly last = new Map<number, { offset: bigint; leaderEpoch: number; seq: bigint }>();

  private constructor(
    private readonly chain: { readonly name: string },
    private readonly rows: ReadonlyMap<number, SourceRow>,
    private readonly partition: number,
    private readonly findings: Findings,
  ) {}

  static async open(
    query: BulkQuery,
    chain: { readonly chain: number; readonly name: string },
    findings: Findings,
  ): Promise<SourceCheck> {
    const rows = await query<SourceRow>(
      'SELECT source, cluster, topic_id, next_offset::text FROM ledger.consumer_offsets WHERE chain = $1',
      [chain.chain],
    );
    const partition = Number(chain.name.split('/')[1]);
    return new SourceCheck(chain, new Map(rows.map((row) => [row.source, row])), partition, findings);
  }

  entry(seq: bigint, source: number | null, { source: from, type }: Entry): void {
    const row = source === null ? undefined : this.rows.get(source);
    if (
      source === null ||
      row === undefined ||
      row.cluster !== from.cluster ||
      row.topic_id !== from.topicId
    ) {
      this.findings.add(
        'COLUMN_MISMATCH',
        this.chain.name,
        seq,
        'the source beside it is not the one in the bytes',
      );
      return;
    }
    if (from.partition !== this.partition)
      this.findings.add(
        'ENTRY_MALFORMED',
        this.chain.name,
        seq,
        `its record stood in partition ${from.partition}`,
      );
    const before = this.last.get(source);
    if (isSequenceType(type)) {
      if (from.offset !== before?.offset)
        this.findings.add(
          'SOURCE_REGRESSION',
          this.chain.name,
          seq,
          `offset ${from.offset} is not that of the record it is about`,
        );
    } else if (before !== undefined && from.offset === before.offset)
      this.findings.add('DUPLICATE_SOURCE', this.chain.name, seq, `offset ${from.offset} is sealed twice`);
    else if (before !== undefined && (from.offset < before.offset || from.leaderEpoch < before.leaderEpoch))
      this.findings.add(
        'SOURCE_REGRESSION',
        this.chain.name,
        seq,
        `offset ${from.offset} after ${before.offset}`,
      );
    this.last.set(source, { offset: from.offset, leaderEpoch: from.leaderEpoch, seq });
  }

  /** Entries of a source up to `seq` were found in order; `offset` was the last. */
  reached(source: number, offset: bigint, leaderEpoch: number, seq: bigint): void {
    this.last.set(source, { offset, leaderEpoch, seq });
  }

  end(): void {
    for (const { source, next_offset } of this.rows.values()) {
      const last = this.last.get(source);
      const due = last === undefined ? 0n : last.offset + 1n;
      const stored = next_offset === null ? -1n : BigInt(next_offset);
      if (stored === due) continue;
      this.findings.add(
        stored < due ? 'SOURCE_REGRESSION' : 'TAIL_LOSS',
        this.chain.name,
        last?.seq ?? 0n,
        `the consumer's next offset is ${stored}, the last sealed record asks for ${due}`,
      );
    }
  }
}
