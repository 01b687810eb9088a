import { parentPort } from 'node:worker_threads';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { AnalysisResult } from './analysis.js';
import { analyzeText, resolveText, type ParsedText } from './analyze-text.js';
import { CatalogCache } from './catalog/catalog-cache.js';
import type { Catalog } from './catalog/catalog.js';
import { commentDepth } from './comment-depth.js';
import { loadGrammar } from './grammar.js';
import { Models } from './resolve/models.js';
import type { SessionNames } from './resolve/resolve-message.js';

/** What the parser's thread is asked of one text. */
export interface ParserQuestion {
  readonly text: string;
  readonly maxCommentDepth: number;
  readonly maxStatements: number;
  /** Given where names are to be resolved. */
  readonly session?: SessionNames & { readonly catalogVersion: string };
}
/** Texts that are answered together: one message each way costs more than a short text. */
export interface ParserQuestions {
  readonly questions: readonly ParserQuestion[];
}
/** A catalog that a later question asks by. */
export interface CatalogForParser {
  readonly version: string;
  readonly json: string;
}
/** What was found out about one text. */
export interface ParserFinding {
  /** By the text alone. */
  readonly bare: AnalysisResult;
  /** With its names resolved, where a session was given. */
  readonly resolved?: AnalysisResult;
}
export type ParserAnswer =
  | { readonly type: 'ready' }
  /** ParserFinding[] as JSON, in the order of the questions: that is read faster than the objects are copied. */
  | { readonly type: 'findings'; readonly json: string }
  /** The catalog asked by is not here: send it, then ask again. */
  | { readonly type: 'needs-catalog' }
  /** The instance broke and must be replaced. */
  | { readonly type: 'broken'; readonly reason: string };

/** The tree of a text may be wanted twice: to know it, then to resolve its names. */
const MAX_KEPT_TEXT = 65_536;
let lastParsed: { readonly text: string; readonly result: ParsedText } | undefined;

function answer({ questions }: ParserQuestions): ParserAnswer {
  try {
    const findings: ParserFinding[] = [];
    for (const question of questions) {
      const { session } = question;
      const models = session === undefined ? undefined : modelsOf(session.catalogVersion);
      if (session !== undefined && models === undefined) return { type: 'needs-catalog' };
      findings.push(find(question, models));
    }
    return { type: 'findings', json: JSON.stringify(findings) };
  } catch (error) {
    return { type: 'broken', reason: messageOf(error) };
  }
}

function find(question: ParserQuestion, models: Models | undefined): ParserFinding {
  const { text, maxCommentDepth, maxStatements, session } = question;
  if (commentDepth(text, maxCommentDepth) > maxCommentDepth) {
    const message = `comments nest more than ${maxCommentDepth} deep`;
    return { bare: { ok: false, sqlstate: '54000', message } };
  }
  const parsed = lastParsed?.text === text ? lastParsed.result : analyzeText(grammar, text, maxStatements);
  lastParsed = text.length > MAX_KEPT_TEXT ? undefined : { text, result: parsed };
  const bare = parsed.result;
  if (!bare.ok || models === undefined || session === undefined) return { bare };
  return { bare, resolved: resolveText(parsed, models, session) };
}

function modelsOf(version: string): Models | undefined {
  const catalog = catalogs.get(version);
  if (catalog === undefined) return undefined;
  let made = models.get(catalog);
  if (made === undefined) {
    made = new Models(catalog, grammar);
    models.set(catalog, made);
  }
  return made;
}

const port = parentPort;
if (port === null) throw new Error('the parser runs as a worker thread only');
const grammar = await loadGrammar();
const catalogs = new CatalogCache();
const models = new WeakMap<Catalog, Models>();
port.on('message', (message: ParserQuestions | CatalogForParser) => {
  if ('json' in message) {
    catalogs.add(message.version, message.json);
    port.postMessage({ type: 'ready' } satisfies ParserAnswer);
  } else port.postMessage(answer(message));
});
port.postMessage({ type: 'ready' } satisfies ParserAnswer);
