import type { Decision, Receipt } from './decision-check.js';

/** The right to run one statement once, after every check: from a decision, or from the receipt of a used one. */
export interface Grant {
  /** The signed event that carries it. */
  readonly eventId: string;
  readonly decisionId: string;
  readonly requestId: string;
  readonly digest: string;
  readonly decidedBy: readonly string[];
  readonly maxRows: number | undefined;
}

export const grantOfDecision = (decision: Decision): Grant => ({
  eventId: decision.id,
  decisionId: decision.id,
  requestId: decision.requestId,
  digest: decision.digest,
  decidedBy: decision.decidedBy,
  maxRows: decision.maxRows,
});

export const grantOfReceipt = (receipt: Receipt): Grant => ({
  eventId: receipt.id,
  decisionId: receipt.decisionId ?? receipt.id,
  requestId: receipt.requestId,
  digest: receipt.digest,
  decidedBy: receipt.decidedBy ?? [],
  maxRows: receipt.maxRows,
});
