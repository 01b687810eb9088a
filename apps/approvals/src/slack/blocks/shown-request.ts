import type { Binding } from '#libs/contracts/binding.js';
import type { RequestView } from '../../request/read/request-view.js';

/** Everything a message can show of a request. */
export interface ShownRequest {
  readonly view: RequestView;
  /** How the statement ended, once the gateway has said so. */
  readonly outcome: string | undefined;
  /** The exact text reviewers see, with credentials sealed. */
  readonly statement: string;
  readonly binding: Binding | undefined;
}

export interface MessageOptions {
  /** False keeps statements, and what stands in them, out of Slack. */
  readonly showSql: boolean;
  /** Where the request can be read outside Slack. */
  readonly link: string;
  /** Milliseconds since 1970: for the time that is left. */
  readonly now: number;
}

/** The state a message shows; two messages of the same state are the same. */
export const shownState = (version: number, outcome: string | undefined): string =>
  `${version}/${outcome ?? ''}`;

/** Whether somebody can still decide: only then has a message buttons. */
export const isOpen = ({ view }: ShownRequest): boolean => view.state === 'pending';

/** Whether nothing more will happen to the request. */
export const isOver = (state: RequestView['state'], outcome: string | undefined): boolean =>
  state === 'refused' ||
  state === 'expired' ||
  state === 'cancelled' ||
  state === 'revoked' ||
  (state === 'consumed' && outcome !== undefined);
