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

/** What the parser's thread is asked and answers. One question at a time. */
export interface ParserQuestion {
  readonly text: string;
  readonly maxCommentDepth: number;
  readonly maxStatements: number;
  /** Given where names are to be resolved. */
  readonly session?: SessionNames & { readonly catalogVersion: string };
}
/** A catalog that a later question asks by. */
export interface CatalogForParser {
  readonly version: string;
  readonly json: string;
}
export type ParserAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'result'; readonly result: AnalysisResult }
  /** The catalog asked by is not here: send it, then ask again. */
  | { readonly type: 'needs-catalog' }
  /** The instance broke and must be replaced. */
  | { readonly type: 'broken'; readonly reason: string };

/** The tree of a text is wanted twice when it is new: to know it and to resolve its names. */
const MAX_KEPT_TEXT = 65_536;
let lastParsed: { readonly text: string; readonly result: ParsedText } | undefined;

function answer(question: ParserQuestion): ParserAnswer {
  const { text, maxCommentDepth, maxStatements, session } = question;
  if (commentDepth(text, maxCommentDepth) > maxCommentDepth) {
    const message = `comments nest more than ${maxCommentDepth} deep`;
    return { type: 'result', result: { ok: false, sqlstate: '54000', message } };
  }
  try {
    const models = session === undefined ? undefined : modelsOf(session.catalogVersion);
    if (session !== undefined && models === undefined) return { type: 'needs-catalog' };
    const parsed = lastParsed?.text === text ? lastParsed.result : analyzeText(grammar, text, maxStatements);
    lastParsed = text.length > MAX_KEPT_TEXT ? undefined : { text, result: parsed };
    if (!parsed.result.ok || models === undefined || session === undefined)
      return { type: 'result', result: parsed.result };
    return { type: 'result', result: resolveText(parsed, models, session) };
  } catch (error) {
    return { type: 'broken', reason: messageOf(error) };
  }
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
port.on('message', (message: ParserQuestion | CatalogForParser) => {
  if ('json' in message) {
    catalogs.add(message.version, message.json);
    port.postMessage({ type: 'ready' } satisfies ParserAnswer);
  } else port.postMessage(answer(message));
});
port.postMessage({ type: 'ready' } satisfies ParserAnswer);
