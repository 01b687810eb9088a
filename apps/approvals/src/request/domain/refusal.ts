/** Why a command was refused. The codes are stable: they end the `type` of the HTTP problem. */
export const refusalCodes = [
  'unknown-request',
  'already-requested',
  'already-routed',
  'own-request',
  'agent',
  'agent-owner',
  'not-a-reviewer',
  'already-voted',
  'not-your-turn',
  'outside-window',
  'no-row-ceiling',
  'stale',
  'not-routed',
  'reason-required',
  'already-decided',
  'expired',
  'cancelled',
  'revoked',
  'not-granted',
  'not-yours',
  'too-many-comments',
  'another-gateway',
  'not-the-grant',
  'unknown-change',
  'superseded',
  'not-a-proposer',
  'not-asked-for',
  'no-policy',
  'no-change',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export interface Refusal {
  readonly code: RefusalCode;
  /** For a person: what is wrong and, where there is one, the way out. */
  readonly message: string;
}
