import type { Binding, BoundStatement } from '#libs/contracts/binding.js';
import type { FoundRequest } from './request-queries.js';
import { shownText } from './shown-text.js';

/** The most of a statement that a list shows; the request itself always shows all of it. Characters. */
const LISTED_TEXT = 16_384;

const textOf = (base64: string): string => shownText(Buffer.from(base64, 'base64'));

/** The text reviewers see: the exact bytes that will be approved, with credentials sealed. */
function wholeText({ view }: FoundRequest, binding: Binding | undefined): string {
  if (binding === undefined) return view.statement.text ?? '';
  return binding.statements.map((statement) => textOf(statement.text)).join('');
}

/** A request in a list: CONTRACT.md's shape, with `statement.truncated` where the text is cut. */
export function listedRequest(request: FoundRequest, binding: Binding | undefined): object {
  const { view } = request;
  const text = view.statement.text ?? wholeText(request, binding);
  return {
    ...view,
    statement: {
      ...view.statement,
      text: text.slice(0, LISTED_TEXT),
      ...(text.length > LISTED_TEXT ? { truncated: true } : {}),
    },
    refusedVotes: view.refusedVotes.length,
    comments: view.comments.length,
    ...(request.outcome === undefined ? {} : { outcome: request.outcome }),
  };
}

/** A request as one reads it before deciding: everything its approval would bind. */
export function wholeRequest(request: FoundRequest, binding: Binding | undefined): object {
  const { view } = request;
  return {
    ...view,
    statement: { ...view.statement, text: wholeText(request, binding) },
    ...(binding === undefined ? {} : shownBinding(binding)),
    ...(request.outcome === undefined ? {} : { outcome: request.outcome }),
    version: request.version,
  };
}

const shownBinding = (binding: Binding): object => ({
  insideTransaction: binding.insideTransaction,
  protocol: binding.protocol,
  /** What no transaction can pin: the window that stays open between approval and execution. */
  unpinned: binding.unpinned,
  settings: binding.settings,
  objects: binding.objects,
  statements: binding.statements.map(shownStatement),
});

const shownStatement = (statement: BoundStatement): object => ({
  text: textOf(statement.text),
  standsFor: statement.standsFor.map(textOf),
  parameters: statement.parameters.map((value, index) => {
    const format = statement.parameterFormats[index] ?? 0;
    const type = statement.parameterTypes[index] ?? 0;
    // Format 1 is binary: only its bytes can be shown.
    return { type, format, value: value === null ? null : format === 0 ? textOf(value) : { base64: value } };
  }),
  maxRows: statement.maxRows,
});
