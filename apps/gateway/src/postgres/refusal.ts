import type { ErrorFields } from '#libs/pg-wire/error-response.js';
import { writeErrorResponse } from '#libs/pg-wire/error-response.js';

/** Why something does not run: what the client is told and what the record says. */
export interface Refusal {
  /** SQLSTATE (CONTRACT.md, Connecting). */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: number;
}

export const refusalResponse = (refusal: Refusal, severity: ErrorFields['severity'] = 'ERROR'): Buffer =>
  writeErrorResponse({ severity, ...refusal });

/** Ends the start of a session: the client gets it as FATAL and the connection closes. */
export class SessionRefused extends Error {
  override readonly name = 'SessionRefused';

  constructor(
    readonly code: string,
    message: string,
    readonly extra: { readonly detail?: string; readonly hint?: string } = {},
  ) {
    super(message);
  }

  response(): Buffer {
    return writeErrorResponse({ severity: 'FATAL', code: this.code, message: this.message, ...this.extra });
  }
}
