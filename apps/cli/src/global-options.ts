/** Options that stand before or after any command. */
export interface GlobalOptions {
  /** Act as this sample identity (development). */
  readonly as?: string;
  /** Print exactly one JSON document. */
  readonly json?: boolean;
}
