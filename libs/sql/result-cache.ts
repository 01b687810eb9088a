import type { AnalysisResult } from './analysis.js';

/** What an entry weighs beside its text: the analysis, its map slot. An estimate, on the safe side. */
const OVERHEAD_BYTES = 1_024;

class Generation {
  readonly results = new Map<string, AnalysisResult>();
  bytes = 0;

  add(text: string, result: AnalysisResult, weight: number): void {
    this.results.set(text, result);
    this.bytes += weight;
  }
}

/**
 * Results by text, bounded in entries and in (estimated) bytes. Two generations stand in for an exact
 * order of use: a look-up in the young one writes nothing, what is used in the old one moves to the
 * young, and what was not used for a whole generation goes.
 */
export class ResultCache {
  private young = new Generation();
  private old = new Generation();

  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
  ) {}

  get(text: string): AnalysisResult | undefined {
    const result = this.young.results.get(text);
    if (result !== undefined) return result;
    const older = this.old.results.get(text);
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, result: AnalysisResult): void {
    if (this.young.results.has(text)) return;
    const weight = weightOf(text, result);
    if (weight > this.maxBytes / 8) return;
    if (this.young.results.size >= this.maxEntries / 2 || this.young.bytes + weight > this.maxBytes / 2) {
      this.old = this.young;
      this.young = new Generation();
    }
    this.young.add(text, result, weight);
  }
}

/** The normal form and the tags count as the text does, of which they are made. */
const weightOf = (text: string, result: AnalysisResult): number =>
  text.length * 4 + OVERHEAD_BYTES * (result.ok ? 1 + result.analysis.statements.length : 1);
