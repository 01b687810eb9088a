import { writeTextBind } from '#libs/pg-wire/bind-message.js';
import { FLUSH, SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { readDataRow } from '#libs/pg-wire/data-row.js';
import { writeExecute } from '#libs/pg-wire/execute-message.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { writeName } from '#libs/pg-wire/name-message.js';
import { writeParse } from '#libs/pg-wire/parse-message.js';

/** How many CloseComplete answer one query of ours. */
export const OWN_CLOSES = 3;

export type OwnResult =
  | { readonly ok: true; readonly rows: readonly (readonly (string | null)[])[] }
  /** `response` is the server's ErrorResponse, byte for byte; undefined when the connection ended. */
  | { readonly ok: false; readonly response: Buffer | undefined };

/** The name our own statement and portal have for as long as they live; a client's own would clash at Parse. */
const NAME = 'countersign_own';

/**
 * A query of ours on the session's own connection, between two messages of the client. It uses names of
 * its own, so that the client's unnamed statement and portal stay. `within`: there is work of the client
 * since its last Sync, which a Sync of ours would commit: then Flush makes the server answer.
 */
export class OwnQuery {
  private readonly rows: (string | null)[][] = [];
  private error: Buffer | undefined;
  private settled = false;

  constructor(
    private readonly text: string,
    private readonly parameters: readonly string[],
    readonly within: boolean,
    private readonly done: (result: OwnResult) => void,
  ) {}

  frames(): Buffer {
    return Buffer.concat([
      // One that failed half-way left its statement behind. To close what is not there is no error.
      writeName(Frontend.Close, { of: 'statement', name: NAME }),
      writeParse(NAME, this.text),
      writeTextBind(NAME, NAME, this.parameters),
      writeExecute(NAME),
      writeName(Frontend.Close, { of: 'portal', name: NAME }),
      writeName(Frontend.Close, { of: 'statement', name: NAME }),
      this.within ? FLUSH : SYNC,
    ]);
  }

  row(frame: Buffer): void {
    this.rows.push(readDataRow(frame).map((column) => column?.toString('utf8') ?? null));
  }

  failed(response: Buffer): void {
    this.error = Buffer.from(response);
  }

  /** Whether the server has refused it. */
  get hasFailed(): boolean {
    return this.error !== undefined;
  }

  finish(): void {
    if (this.settled) return;
    this.settled = true;
    this.done(this.error === undefined ? { ok: true, rows: this.rows } : { ok: false, response: this.error });
  }

  /** The connection ended first. */
  abandon(): void {
    if (this.settled) return;
    this.settled = true;
    this.done({ ok: false, response: undefined });
  }
}
