import { mrkdwn, plain } from './block.js';
import { codeSpan } from './inert-text.js';
import { estimateLine } from './signal-lines.js';
import type { ShownRequest } from './shown-request.js';

/** Where a dialog was opened from; travels in its private_metadata. */
export interface DialogOrigin {
  readonly requestId: string;
  readonly channel: string;
  readonly messageTs: string;
}

/** The ids a submission is read by. */
export const DENY_DIALOG = 'countersign_deny_dialog';
export const ASK_DIALOG = 'countersign_ask_dialog';
export const LIMIT_DIALOG = 'countersign_limit_dialog';
export const INPUT_BLOCK = 'countersign_input';
export const INPUT_ACTION = 'countersign_text';

export type DialogKind = 'deny' | 'ask' | 'limit';

interface DialogText {
  readonly id: string;
  readonly title: string;
  readonly submit: string;
  readonly label: string;
  readonly hint: string;
  readonly multiline: boolean;
  readonly maxLength: number;
}

const TEXTS: Readonly<Record<DialogKind, DialogText>> = {
  deny: {
    id: DENY_DIALOG,
    title: 'Deny the request',
    submit: 'Deny',
    label: 'Reason',
    hint: 'The requester and the ledger get it.',
    multiline: true,
    maxLength: 2_000,
  },
  ask: {
    id: ASK_DIALOG,
    title: 'Ask the requester',
    submit: 'Ask',
    label: 'Question',
    hint: 'The requester reads it where the statement waits, in the thread, and with countersign requests show.',
    multiline: true,
    maxLength: 3_000,
  },
  limit: {
    id: LIMIT_DIALOG,
    title: 'Approve with a limit',
    submit: 'Approve',
    label: 'Rows at most',
    hint: 'A statement that changes more is rolled back. Of several approvals the lowest limit counts.',
    multiline: false,
    maxLength: 10,
  },
};

/** The modal of a denial (its reason is required), of a question, or of an approval for so many rows at most. */
export function dialog(kind: DialogKind, request: ShownRequest, origin: DialogOrigin): object {
  const { view } = request;
  const { id, title, submit, label, hint, multiline, maxLength } = TEXTS[kind];
  const what = `${codeSpan(view.statement.kind, 60)} of ${codeSpan(view.requester, 130)} on ${codeSpan(view.target, 100)}`;
  return {
    type: 'modal',
    callback_id: id,
    private_metadata: JSON.stringify(origin),
    title: plain(title),
    submit: plain(submit),
    close: plain('Back'),
    blocks: [
      {
        type: 'section',
        text: mrkdwn(kind === 'limit' ? [what, ...limitLines(view.signals)].join('\n') : what),
      },
      {
        type: 'input',
        block_id: INPUT_BLOCK,
        optional: false,
        label: plain(label),
        hint: plain(hint),
        element: {
          type: 'plain_text_input',
          action_id: INPUT_ACTION,
          multiline,
          min_length: 1,
          max_length: maxLength,
        },
      },
    ],
  };
}

/** What was measured; where nothing was, that a limit may not be kept. */
const limitLines = (signals: ShownRequest['view']['signals']): string[] =>
  signals === undefined
    ? [
        ':warning: Not guaranteed: this gateway did not measure whether a limit can be kept. Where it cannot, the statement is refused and does not run.',
      ]
    : [estimateLine(signals)];
