/** The part of Slack's Block Kit that is used here. */
export interface Mrkdwn {
  readonly type: 'mrkdwn';
  readonly text: string;
  /** No names or addresses are turned into links. */
  readonly verbatim: true;
}
export interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: false;
}
export interface Button {
  readonly type: 'button';
  readonly action_id: string;
  readonly text: PlainText;
  readonly value: string;
  readonly style?: 'primary' | 'danger';
}
export type Block =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'section'; readonly text: Mrkdwn }
  | { readonly type: 'context'; readonly elements: readonly Mrkdwn[] }
  | { readonly type: 'divider' }
  | { readonly type: 'actions'; readonly block_id: string; readonly elements: readonly Button[] };

/** Slack's limits: docs.slack.dev, Block Kit reference; the last two as measured. */
export const MAX_SECTION_TEXT = 3_000;
export const MAX_HEADER_TEXT = 150;
export const MAX_BLOCKS = 50;
/** Of all texts of a message's blocks together: above about 13,200 Slack says msg_blocks_too_long. */
export const MAX_MESSAGE_CHARACTERS = 13_000;
/** Of the fallback text of chat.update; of chat.postMessage 40,000. */
export const MAX_FALLBACK_TEXT = 4_000;

export const mrkdwn = (text: string): Mrkdwn => ({ type: 'mrkdwn', text, verbatim: true });
export const plain = (text: string): PlainText => ({ type: 'plain_text', text, emoji: false });
export const section = (text: string): Block => ({ type: 'section', text: mrkdwn(text) });
export const context = (text: string): Block => ({ type: 'context', elements: [mrkdwn(text)] });

/** The characters of all texts of these blocks, as Slack counts them. */
export const charactersOf = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, block) => sum + textsOf(block).reduce((total, text) => total + text.length, 0), 0);

function textsOf(block: Block): string[] {
  switch (block.type) {
    case 'header':
    case 'section':
      return [block.text.text];
    case 'context':
      return block.elements.map((element) => element.text);
    case 'actions':
      return block.elements.flatMap((button) => [button.text.text, button.value]);
    case 'divider':
      return [];
  }
}
