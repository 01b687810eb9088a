/** Entries that the ledger makes itself, for records that are no new event. */
export const POISON_TYPE = 'poison.sealed';
export const DUPLICATE_TYPE = 'duplicate.sealed';

/** Entries that the ledger adds behind an event whose number is not the one that was due from its producer. */
export const GAP_TYPE = 'gap.sealed';
export const REGRESSION_TYPE = 'regression.sealed';

export const isSequenceType = (type: string): boolean => type === GAP_TYPE || type === REGRESSION_TYPE;

/** The producer of such an entry; no event may name it. */
export const NO_PRODUCER = '00000000-0000-0000-0000-000000000000';

export const isSealedByLedger = (type: string): boolean =>
  type === POISON_TYPE || type === DUPLICATE_TYPE || isSequenceType(type);

/** What stands in columns beside an entry so that events can be found; all of it is in the payload. */
export interface EventColumns {
  readonly requestId: string | null;
  readonly sessionId: string | null;
  readonly identity: string | null;
  /** Microseconds since 1970. */
  readonly eventTime: bigint | null;
}

export const NO_COLUMNS: EventColumns = { requestId: null, sessionId: null, identity: null, eventTime: null };

/** The columns of an event that matches the envelope. */
export function eventColumns(event: {
  readonly time: string;
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly identity?: { readonly name: string } | undefined;
}): EventColumns {
  return {
    requestId: event.requestId ?? null,
    sessionId: event.sessionId ?? null,
    identity: event.identity?.name ?? null,
    eventTime: BigInt(Date.parse(event.time)) * 1000n,
  };
}
