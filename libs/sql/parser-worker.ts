import { parentPort } from 'node:worker_threads';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { AnalysisResult } from './analysis.js';
import { analyzeText } from './analyze-text.js';
import { commentDepth } from './comment-depth.js';
import { loadGrammar } from './grammar.js';

/** What the parser's thread is asked and answers. One question at a time. */
export interface ParserQuestion {
  readonly text: string;
  readonly maxCommentDepth: number;
  readonly maxStatements: number;
}
export type ParserAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'result'; readonly result: AnalysisResult }
  /** The instance broke and must be replaced. */
  | { readonly type: 'broken'; readonly reason: string };

function answer({ text, maxCommentDepth, maxStatements }: ParserQuestion): ParserAnswer {
  if (commentDepth(text, maxCommentDepth) > maxCommentDepth) {
    const message = `comments nest more than ${maxCommentDepth} deep`;
    return { type: 'result', result: { ok: false, sqlstate: '54000', message } };
  }
  try {
    return { type: 'result', result: analyzeText(grammar, text, maxStatements) };
  } catch (error) {
    return { type: 'broken', reason: messageOf(error) };
  }
}

const port = parentPort;
if (port === null) throw new Error('the parser runs as a worker thread only');
const grammar = await loadGrammar();
port.on('message', (question: ParserQuestion) => port.postMessage(answer(question)));
port.postMessage({ type: 'ready' } satisfies ParserAnswer);
