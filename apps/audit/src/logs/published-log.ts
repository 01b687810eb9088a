import type { Chain } from '#libs/ledger/chain.js';
import { formatVkey, type NoteVerifier } from '#libs/tlog/vkey.js';

/** A log as others find it: what it is, where it is served, whose signature counts. */
export interface PublishedLog {
  readonly origin: string;
  /** Ends in a slash; `checkpoint` and `tile/…` stand below it. */
  readonly url: string;
  readonly vkey: string;
}

export const publishedLog = (chain: Chain, log: NoteVerifier, publicUrl: string): PublishedLog => ({
  origin: chain.origin,
  url: `${publicUrl}/logs/${chain.name}/`,
  vkey: formatVkey(log),
});
