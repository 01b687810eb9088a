import { writeParse } from '#libs/pg-wire/parse-message.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { SlotKind } from './slot.js';

/**
 * What the target gets in the place of a message that is refused while other messages are under way or a
 * transaction is open: a text that cannot be parsed, so it runs nothing and fails with 42601. The
 * server's own state machine then does what an error does (the transaction fails, everything up to Sync
 * is thrown away), in its place in the order, and its ErrorResponse is exchanged for ours. It holds no
 * byte of the refused statement.
 */
const TEXT = 'countersign_refused';
const QUERY = writeQuery(TEXT);
/** Named, since a Parse that fails still takes the client's unnamed statement away. */
const PARSE = writeParse(TEXT, TEXT);

export const FILLER_SQLSTATE = '42601';

export const fillerFor = (kind: SlotKind): Buffer => (kind === SlotKind.Query ? QUERY : PARSE);
