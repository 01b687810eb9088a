import { partitionKey } from '../partition-key.js';
import type { LogRecord, PartitionHandler, TopicPartition } from '../port.js';

/**
 * What a group's database is to its members, for the contract suite: it keeps records, positions and
 * epochs, and refuses a writer whose partition somebody else has claimed since. Shared by all members.
 */
export class LedgerDouble {
  readonly rows = new Map<string, LogRecord[]>();
  readonly refused: { member: string; key: string }[] = [];
  readonly claims: { member: string; key: string }[] = [];
  private readonly positions = new Map<string, bigint>();
  private readonly epochs = new Map<string, number>();

  setPosition(at: TopicPartition, next: bigint): void {
    this.positions.set(partitionKey(at), next);
  }

  values(at: TopicPartition): string[] {
    return (this.rows.get(partitionKey(at)) ?? []).map((record) => String(record.value));
  }

  get total(): number {
    return [...this.rows.values()].reduce((sum, rows) => sum + rows.length, 0);
  }

  /** Who claimed each partition last. */
  owners(): Map<string, string> {
    return new Map(this.claims.map(({ key, member }) => [key, member]));
  }

  /** A member's handler. `before` runs before each batch is stored and may throw or wait. */
  member(
    member: string,
    before: (at: TopicPartition, records: readonly LogRecord[]) => Promise<void> | void = () => undefined,
  ): PartitionHandler {
    const mine = new Map<string, number>();
    return {
      claim: (at) => {
        const key = partitionKey(at);
        const epoch = (this.epochs.get(key) ?? 0) + 1;
        this.epochs.set(key, epoch);
        mine.set(key, epoch);
        this.claims.push({ member, key });
        return Promise.resolve(this.positions.get(key) ?? 0n);
      },
      handle: async (at, records) => {
        await before(at, records);
        const key = partitionKey(at);
        if (mine.get(key) !== this.epochs.get(key)) {
          this.refused.push({ member, key });
          return 'fenced';
        }
        const next = this.positions.get(key) ?? 0n;
        const [first] = records;
        if (first === undefined) throw new Error(`${key}: an empty batch was delivered`);
        if (first.offset !== next)
          throw new Error(`${key}: expected offset ${next}, got a batch that begins at ${first.offset}`);
        let last = next - 1n;
        for (const record of records) {
          if (record.offset !== last + 1n) throw new Error(`${key}: offset ${record.offset} after ${last}`);
          last = record.offset;
        }
        this.rows.set(key, [...(this.rows.get(key) ?? []), ...records]);
        this.positions.set(key, last + 1n);
        return 'stored';
      },
    };
  }
}
