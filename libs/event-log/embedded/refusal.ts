/** The database answered that the statement had no effect; anything else leaves that open. */
export const isRefusal = (error: unknown): boolean =>
  (error as { severity?: string } | null)?.severity === 'ERROR';
