import type { z } from 'zod';
import type { statementSchema } from '#libs/contracts/events/statement-events.js';
import { MAX_INLINE_TEXT_BYTES } from '#libs/contracts/topics.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { AnalysisResult, MessageAnalysis } from '#libs/sql/analysis.js';

export type RecordedStatement = z.output<typeof statementSchema>;

/** Takes credentials out of a text before it is recorded, shown or logged. */
export type CredentialReplacer = (
  text: string,
  credentials: MessageAnalysis['credentials'],
) => { readonly text: string; readonly replaced: number };

/** A text that parses, with all that is derived from it alone. Shared between sessions, never changed. */
export interface KnownText {
  readonly text: string;
  /** The exact bytes as sent. */
  readonly bytes: Buffer;
  readonly analysis: MessageAnalysis;
  readonly recorded: RecordedStatement;
  /** The text to record in chunks before an event that names it: only where it is above 64 KiB. */
  readonly longText: string | undefined;
  /** It names a prepared statement or cursor: what it means depends on the session. */
  readonly refers: boolean;
  /** Its meaning may depend on client_encoding or standard_conforming_strings: it has a backslash or is not ASCII. */
  readonly careful: boolean;
  /** It names relations or functions: what it means depends on the target's catalog. */
  readonly names: boolean;
  /** The kind it goes under, where that is not the text's own. */
  readonly standsAs?: string;
}

/** The same analysis under another kind; rules may name either. */
export const withKind = (analysis: MessageAnalysis, kind: string): MessageAnalysis => ({
  ...analysis,
  statements: analysis.statements.map((one) => ({ ...one, kind, kinds: [kind, ...one.kinds] })),
});

/** Derives a KnownText once for each result that the analyzer keeps; it lives as long as that does. */
export class KnownTexts {
  private readonly known = new WeakMap<AnalysisResult, KnownText>();

  constructor(private readonly replaceCredentials: CredentialReplacer) {}

  of(text: string, bytes: Buffer, result: AnalysisResult & { ok: true }): KnownText {
    const before = this.known.get(result);
    if (before !== undefined) return before;
    const made = this.derive(text, Buffer.from(bytes), result.analysis);
    this.known.set(result, made);
    return made;
  }

  private derive(text: string, bytes: Buffer, analysis: MessageAnalysis): KnownText {
    const { text: shown, replaced } = this.replaceCredentials(text, analysis.credentials);
    const long = Buffer.byteLength(shown) > MAX_INLINE_TEXT_BYTES;
    return {
      text,
      bytes,
      analysis,
      recorded: {
        ...(long ? {} : { text: shown }),
        sha256: sha256Hex(bytes),
        bytes: bytes.length,
        ...describeAnalysis(analysis),
        ...(replaced === 0 ? {} : { credentialsReplaced: replaced }),
      },
      longText: long ? shown : undefined,
      refers: analysis.statements.some((statement) => statement.refersTo !== undefined),
      careful: bytes.length !== text.length || text.includes('\\'),
      names: analysis.statements.some(
        ({ reads, writes, functions }) => reads.length + writes.length + functions.length > 0,
      ),
    };
  }
}

type Described = Pick<
  RecordedStatement,
  | 'kind'
  | 'kinds'
  | 'category'
  | 'reads'
  | 'writes'
  | 'incomplete'
  | 'functions'
  | 'bounded'
  | 'fingerprint'
  | 'normalized'
  | 'tags'
>;

/** As many as an event has room for; rules are asked by all of them. */
const MAX_FUNCTIONS = 200;

/** How an analysis stands in an event: the first statement's kind, and what all of them contain. */
export function describeAnalysis(analysis: MessageAnalysis): Described {
  const first = analysis.statements[0];
  const all = <T>(pick: (statement: MessageAnalysis['statements'][number]) => readonly T[]): T[] => [
    ...new Set(analysis.statements.flatMap(pick)),
  ];
  const incomplete = analysis.statements.find((statement) => statement.incomplete !== undefined)?.incomplete;
  return {
    kind: first?.kind ?? '',
    kinds: all((statement) => statement.kinds),
    category: first?.category ?? 'utility',
    reads: all((statement) => statement.reads),
    writes: all((statement) => statement.writes),
    ...(incomplete === undefined ? {} : { incomplete }),
    functions: all((statement) => statement.functions).slice(0, MAX_FUNCTIONS),
    bounded: analysis.statements.every((statement) => statement.bounded),
    ...(analysis.fingerprint === undefined ? {} : { fingerprint: analysis.fingerprint }),
    ...(analysis.normalized === undefined ? {} : { normalized: analysis.normalized }),
    ...(analysis.tags === undefined ? {} : { tags: { ...analysis.tags } }),
  };
}

/** What is recorded of a text that cannot be analysed: its digest alone, since secrets in it cannot be found. */
export const unknownStatement = (bytes: Buffer, kind: string, incomplete: string): RecordedStatement => ({
  sha256: sha256Hex(bytes),
  bytes: bytes.length,
  kind,
  kinds: [kind],
  category: 'code',
  incomplete,
});
