/** Slack's limits as its reference gives them; the emulator refuses what Slack would refuse. */
const MAX_BLOCKS = 50;
const MAX_VIEW_BLOCKS = 100;
const MAX_BLOCK_CHARACTERS = 13_200;

interface Json {
  readonly [key: string]: unknown;
}

class Invalid extends Error {}

const need = (holds: boolean, what: string): void => {
  if (!holds) throw new Invalid(what);
};

/** What is wrong with a message's blocks, as `[error, detail]`; undefined when Slack would take them. */
export function blocksProblem(blocks: unknown, surface: 'message' | 'modal'): [string, string] | undefined {
  try {
    need(Array.isArray(blocks), 'blocks must be an array');
    const list = blocks as Json[];
    need(list.length <= (surface === 'modal' ? MAX_VIEW_BLOCKS : MAX_BLOCKS), 'too many blocks');
    const counted = { characters: 0 };
    const ids = new Set<string>();
    for (const block of list) {
      checkBlock(block, surface, counted);
      const id = block['block_id'];
      if (id === undefined) continue;
      need(typeof id === 'string' && id.length <= 255 && !ids.has(id), 'block_id must be unique');
      ids.add(id as string);
    }
    if (surface === 'message' && counted.characters > MAX_BLOCK_CHARACTERS)
      return ['msg_blocks_too_long', `${counted.characters} characters`];
    return undefined;
  } catch (error) {
    if (error instanceof Invalid) return ['invalid_blocks', error.message];
    throw error;
  }
}

function checkBlock(block: Json, surface: string, counted: { characters: number }): void {
  switch (block['type']) {
    case 'header':
      only(block, ['type', 'block_id', 'text']);
      return text(block['text'], 150, counted, ['plain_text']);
    case 'section':
      only(block, ['type', 'block_id', 'text', 'fields', 'accessory', 'expand']);
      need(block['text'] !== undefined || block['fields'] !== undefined, 'section needs text or fields');
      if (block['text'] !== undefined) text(block['text'], 3_000, counted);
      for (const field of array(block['fields'], 10, 'fields')) text(field, 2_000, counted);
      return;
    case 'context':
      only(block, ['type', 'block_id', 'elements']);
      need(array(block['elements'], 10, 'elements').length > 0, 'context needs elements');
      for (const element of block['elements'] as Json[]) text(element, 3_000, counted);
      return;
    case 'divider':
      return only(block, ['type', 'block_id']);
    case 'actions':
      only(block, ['type', 'block_id', 'elements']);
      need(surface === 'message', 'actions belong to messages here');
      need(array(block['elements'], 25, 'elements').length > 0, 'actions needs elements');
      for (const element of block['elements'] as Json[]) button(element, counted);
      return;
    case 'input':
      only(block, ['type', 'block_id', 'label', 'element', 'hint', 'optional', 'dispatch_action']);
      need(surface === 'modal', 'input belongs to modals here');
      text(block['label'], 2_000, counted, ['plain_text']);
      if (block['hint'] !== undefined) text(block['hint'], 2_000, counted, ['plain_text']);
      return input(block['element'] as Json);
    default:
      throw new Invalid(`unsupported type: ${String(block['type'])}`);
  }
}

function text(
  value: unknown,
  max: number,
  counted: { characters: number },
  types = ['plain_text', 'mrkdwn'],
): void {
  need(typeof value === 'object' && value !== null, 'missing text object');
  const object = value as Json;
  need(types.includes(String(object['type'])), `unsupported text type: ${String(object['type'])}`);
  only(object, object['type'] === 'mrkdwn' ? ['type', 'text', 'verbatim'] : ['type', 'text', 'emoji']);
  const content = object['text'];
  need(typeof content === 'string' && content.length >= 1, 'text must be at least 1 character');
  need((content as string).length <= max, `text must be less than ${max + 1} characters`);
  counted.characters += (content as string).length;
}

function button(element: Json, counted: { characters: number }): void {
  need(element['type'] === 'button', `unsupported element: ${String(element['type'])}`);
  only(element, ['type', 'text', 'action_id', 'url', 'value', 'style', 'confirm', 'accessibility_label']);
  text(element['text'], 75, counted, ['plain_text']);
  need(typeof element['action_id'] === 'string' && element['action_id'].length <= 255, 'action_id');
  need(element['value'] === undefined || String(element['value']).length <= 2_000, 'value is too long');
  need(element['style'] === undefined || ['primary', 'danger'].includes(String(element['style'])), 'style');
  counted.characters += String(element['value'] ?? '').length;
}

function input(element: Json): void {
  need(element['type'] === 'plain_text_input', `unsupported element: ${String(element['type'])}`);
  only(element, [
    'type',
    'action_id',
    'multiline',
    'min_length',
    'max_length',
    'placeholder',
    'initial_value',
  ]);
  const [min, max] = [Number(element['min_length'] ?? 0), Number(element['max_length'] ?? 3_000)];
  need(min >= 0 && max >= 1 && max <= 3_000 && min <= max, 'min_length and max_length');
}

const array = (value: unknown, max: number, what: string): unknown[] => {
  if (value === undefined) return [];
  need(Array.isArray(value) && value.length <= max, `at most ${max} ${what}`);
  return value as unknown[];
};

const only = (object: Json, keys: readonly string[]): void => {
  const other = Object.keys(object).find((key) => !keys.includes(key));
  need(other === undefined, `additional property: ${other}`);
};

/** What is wrong with a modal. */
export function viewProblem(view: unknown): [string, string] | undefined {
  const modal = view as Json;
  try {
    only(modal, [
      'type',
      'title',
      'blocks',
      'close',
      'submit',
      'private_metadata',
      'callback_id',
      'clear_on_close',
      'notify_on_close',
      'external_id',
    ]);
    need(modal['type'] === 'modal', 'type must be modal');
    for (const name of ['title', 'submit', 'close']) text(modal[name], 24, { characters: 0 }, ['plain_text']);
    need(String(modal['private_metadata'] ?? '').length <= 3_000, 'private_metadata is too long');
    need(String(modal['callback_id'] ?? '').length <= 255, 'callback_id is too long');
  } catch (error) {
    if (error instanceof Invalid) return ['invalid_arguments', error.message];
    throw error;
  }
  return blocksProblem(modal['blocks'], 'modal');
}

/** What a text in mrkdwn would do beside being read: mentions, channel links and links. Dates are read. */
export const liveTokens = (mrkdwn: string): string[] =>
  [...mrkdwn.matchAll(/<(?!!date\^)[^<>\n]+>/g)].map(([token]) => token);
