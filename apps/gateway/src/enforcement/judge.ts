import { isUtf8 } from 'node:buffer';
import type { Verdict } from '#libs/policy/policy.js';
import type { AnalysisResult, MessageAnalysis, SqlAnalyzer } from '#libs/sql/analysis.js';
import type { ResolutionContext } from '#libs/sql/resolve/resolution.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { PolicyInForce } from '../policy/policy-in-force.js';
import type { Refusal } from '../postgres/refusal.js';
import { KnownTexts, type CredentialReplacer, type KnownText } from './known-text.js';
import type { SessionIdentity } from './session-identity.js';

export type Reading =
  { readonly ok: true; readonly known: KnownText } | { readonly ok: false; readonly refusal: Refusal };

export const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** Reads texts with the server's own grammar and judges what they mean by the policy. Shared by all sessions. */
export class Judge {
  private readonly texts: KnownTexts;

  constructor(
    private readonly analyzer: SqlAnalyzer,
    readonly policies: PolicyInForce,
    replaceCredentials: CredentialReplacer,
    private readonly maxTextBytes = MAX_TEXT_BYTES,
  ) {
    this.texts = new KnownTexts(replaceCredentials);
  }

  /**
   * At once for a text that was read before or that is refused unread; otherwise a promise, which never
   * rejects. `expected`: where its names will be resolved next, if that is known.
   */
  read(bytes: Buffer, expected?: ResolutionContext): Reading | Promise<Reading> {
    if (bytes.length > this.maxTextBytes)
      return refused(
        '54000',
        `the statement has ${bytes.length} bytes, above the limit of ${this.maxTextBytes}`,
      );
    if (!isUtf8(bytes)) return refused('22021', 'the statement is not valid UTF-8');
    const text = bytes.toString('utf8');
    const before = this.analyzer.cached(text);
    if (before !== undefined) return this.reading(text, bytes, before);
    return this.analyzer.analyze(text, expected).then(
      (result) => this.reading(text, bytes, result),
      (error: unknown) => refused('54000', `the statement could not be analysed: ${messageOf(error)}`),
    );
  }

  /** What a text means in this context, if that was found out before. */
  meaning(known: KnownText, context: ResolutionContext): MessageAnalysis | undefined {
    const result = this.analyzer.resolved(known.text, context);
    return result?.ok === true ? result.analysis : undefined;
  }

  /** Finds out what a text means in this context. Never rejects: what breaks on the way counts as incomplete. */
  async resolve(known: KnownText, context: ResolutionContext): Promise<MessageAnalysis> {
    try {
      const result = await this.analyzer.resolve(known.text, context);
      return result.ok ? result.analysis : markIncomplete(known.analysis, result.message);
    } catch (error) {
      return markIncomplete(known.analysis, `its names could not be resolved: ${messageOf(error)}`);
    }
  }

  verdict(
    analysis: MessageAnalysis,
    session: SessionIdentity,
    insideTransaction: boolean,
    now: number,
  ): Verdict {
    return this.policies.current.judge({
      analysis,
      identity: session.identity,
      target: session.target,
      session: {
        applicationName: session.applicationName,
        clientAddress: session.clientAddress,
        insideTransaction,
      },
      now,
    });
  }

  private reading(text: string, bytes: Buffer, result: AnalysisResult): Reading {
    if (result.ok) return { ok: true, known: this.texts.of(text, bytes, result) };
    return {
      ok: false,
      refusal: {
        code: result.sqlstate,
        message: result.message,
        ...(result.position === undefined ? {} : { position: result.position }),
      },
    };
  }
}

const refused = (code: string, message: string): Reading => ({ ok: false, refusal: { code, message } });

/** The same analysis, marked as possibly not what the server will read, unless it is so marked already. */
export const markIncomplete = (analysis: MessageAnalysis, why: string): MessageAnalysis => ({
  ...analysis,
  statements: analysis.statements.map((statement) =>
    statement.incomplete === undefined ? { ...statement, incomplete: why } : statement,
  ),
});
