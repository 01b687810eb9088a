/** What was found, in the words of docs/formats/ledger-entry.md. */
export type FindingKind =
  | 'PAYLOAD_MISMATCH'
  | 'UNAUTHORISED_ERASURE'
  | 'LEAF_MISMATCH'
  | 'CHAIN_BREAK'
  | 'TILE_MISMATCH'
  | 'ROOT_MISMATCH'
  | 'CONSISTENCY_FAIL'
  | 'SEQ_GAP'
  | 'SEQ_FIELD_MISMATCH'
  | 'ENTRY_MALFORMED'
  | 'COLUMN_MISMATCH'
  | 'TIME_REGRESSION'
  | 'DUPLICATE_SOURCE'
  | 'SOURCE_REGRESSION'
  | 'SOURCE_GAP'
  | 'TRUNCATED'
  | 'TAIL_LOSS'
  | 'ROLLBACK'
  | 'HEAD_MISMATCH'
  | 'POSITION_MISMATCH'
  | 'FINDING_MISMATCH'
  | 'EXTRA_ROW'
  | 'CHAIN_MISMATCH'
  | 'CHAIN_MISSING'
  | 'CHECKPOINT_GAP'
  | 'MALFORMED_CHECKPOINT'
  | 'SIG_INVALID'
  | 'NO_TRUSTED_SIGNATURE'
  | 'ORIGIN_MISMATCH'
  | 'FORK_EVIDENCE'
  | 'STALE'
  | 'PROOF_INVALID'
  | 'BUNDLE_MALFORMED'
  | 'PROJECTION_DIVERGED'
  | 'NO_PINNED_CHECKPOINT'
  | 'INTERRUPTED';

export interface Finding {
  readonly kind: FindingKind;
  readonly chain: string;
  /** The entry it is about; for a checkpoint the last entry it covers; absent where it is about no entry. */
  readonly seq?: number;
  /** For a person, in one line; never holds what was sealed. */
  readonly detail: string;
}

/** OK, or why not. Never merged into one another. */
export type Verdict = 'OK' | 'TAMPERED' | 'STALE' | 'INCONCLUSIVE' | 'UNVERIFIABLE';

/** As many of a kind and chain are listed; the rest are counted. */
const LISTED_OF_A_KIND = 100;

/** Gathers findings in constant memory. */
export class Findings {
  private readonly listed: Finding[] = [];
  private readonly counts = new Map<string, number>();
  private readonly overfull = new Set<string>();
  /** How many were added, listed or not. */
  total = 0;

  add(kind: FindingKind, chain: string, seq: bigint | undefined, detail: string): void {
    this.total += 1;
    const key = `${kind} ${chain}`;
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    if (count > LISTED_OF_A_KIND) {
      this.overfull.add(chain);
      return;
    }
    this.listed.push({ kind, chain, ...(seq === undefined ? {} : { seq: Number(seq) }), detail });
  }

  /** Whether something was found about this very entry; also where that is not known, because more was found than is listed. */
  isAbout(chain: string, seq: bigint): boolean {
    return (
      this.overfull.has(chain) ||
      this.listed.some((finding) => finding.chain === chain && finding.seq === Number(seq))
    );
  }

  list(): Finding[] {
    const unlisted = [...this.counts].filter(([, count]) => count > LISTED_OF_A_KIND);
    return [
      ...this.listed,
      ...unlisted.map(([key, count]): Finding => {
        const [kind, chain] = key.split(' ') as [FindingKind, string];
        return { kind, chain, detail: `${count - LISTED_OF_A_KIND} more of this kind` };
      }),
    ];
  }
}

/** Findings that leave the question open instead of answering it. */
const OPEN: readonly FindingKind[] = ['NO_PINNED_CHECKPOINT', 'INTERRUPTED'];

/**
 * Without keys nothing can be said; evidence of tampering stands even where the rest could not be read;
 * what could not be read leaves the question open; old but sound is STALE.
 */
export function verdictOf(findings: readonly Finding[], hasKeys: boolean): Verdict {
  if (!hasKeys) return findings.some(({ kind }) => kind === 'INTERRUPTED') ? 'INCONCLUSIVE' : 'UNVERIFIABLE';
  if (findings.some(({ kind }) => !OPEN.includes(kind) && kind !== 'STALE')) return 'TAMPERED';
  if (findings.some(({ kind }) => OPEN.includes(kind))) return 'INCONCLUSIVE';
  return findings.length > 0 ? 'STALE' : 'OK';
}
