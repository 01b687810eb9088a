import { mrkdwn, plain } from './block.js';
import { codeSpan } from './inert-text.js';
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
export const INPUT_BLOCK = 'countersign_input';
export const INPUT_ACTION = 'countersign_text';

/** The modal of a denial (its reason is required) or of a question. */
export function dialog(kind: 'deny' | 'ask', request: ShownRequest, origin: DialogOrigin): object {
  const deny = kind === 'deny';
  const { view } = request;
  return {
    type: 'modal',
    callback_id: deny ? DENY_DIALOG : ASK_DIALOG,
    private_metadata: JSON.stringify(origin),
    title: plain(deny ? 'Deny the request' : 'Ask the requester'),
    submit: plain(deny ? 'Deny' : 'Ask'),
    close: plain('Back'),
    blocks: [
      {
        type: 'section',
        text: mrkdwn(
          `${codeSpan(view.statement.kind, 60)} of ${codeSpan(view.requester, 130)} on ${codeSpan(view.target, 100)}`,
        ),
      },
      {
        type: 'input',
        block_id: INPUT_BLOCK,
        optional: false,
        label: plain(deny ? 'Reason' : 'Question'),
        hint: plain(
          deny
            ? 'The requester and the ledger get it.'
            : 'It becomes a comment: the requester reads it with countersign requests show, and in the thread.',
        ),
        element: {
          type: 'plain_text_input',
          action_id: INPUT_ACTION,
          multiline: true,
          min_length: 1,
          max_length: deny ? 2_000 : 3_000,
        },
      },
    ],
  };
}
