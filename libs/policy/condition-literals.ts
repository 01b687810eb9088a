import type { ASTNode } from '@marcbachmann/cel-js';
import { inNetwork } from './cel-environment.js';

/**
 * What is wrong with the literal arguments of a condition: a regular expression or network that is none
 * would deny every statement it is asked about, so it is refused when the policy is loaded.
 */
export function literalProblem(ast: ASTNode): string | undefined {
  for (const [method, text] of literalCalls(ast)) {
    try {
      if (method === 'matches') new RegExp(text);
      if (method === 'inNetwork') inNetwork('192.0.2.1', text);
    } catch {
      return method === 'matches'
        ? `${JSON.stringify(text)} is not a regular expression`
        : `${JSON.stringify(text)} is not a network such as 10.0.0.0/8`;
    }
  }
  return undefined;
}

/** The calls `x.method('text')` of an expression. */
function literalCalls(node: ASTNode): (readonly [method: string, text: string])[] {
  const found: (readonly [string, string])[] = [];
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) return part.forEach(visit);
    if (!isNode(part)) return;
    if (part.op === 'rcall') {
      const [method, , given] = part.args;
      const first = given[0];
      if (first?.op === 'value' && typeof first.args === 'string') found.push([method, first.args]);
    }
    visit(part.args);
  };
  visit(node);
  return found;
}

const isNode = (part: unknown): part is ASTNode =>
  typeof part === 'object' && part !== null && 'op' in part && 'args' in part;
