import type { CommonQueryMethods } from '#libs/postgres/pool.js';
import { findBindings, findRequest, type FoundRequest } from '../request/read/request-queries.js';
import { shownText } from '../request/read/shown-text.js';
import type { ShownRequest } from './blocks/shown-request.js';

export interface LoadedRequest {
  readonly found: FoundRequest;
  readonly shown: ShownRequest;
}

/** A request with all that a message shows of it, from what was stored; undefined when there is none. */
export async function loadShownRequest(
  connection: CommonQueryMethods,
  id: string,
): Promise<LoadedRequest | undefined> {
  const found = await findRequest(connection, id);
  if (found === undefined) return undefined;
  const binding = (await findBindings(connection, [id])).get(id);
  const statement =
    binding === undefined
      ? (found.view.statement.text ?? '')
      : binding.statements.map(({ text }) => shownText(Buffer.from(text, 'base64'))).join('');
  return {
    found,
    shown: {
      view: found.view,
      outcome: found.outcome,
      statement,
      binding,
    },
  };
}
