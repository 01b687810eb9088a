import type { Verdict } from '#libs/policy/policy.js';
import type { CodedError } from '#libs/kernel/coded-error.js';
import type { Refusal } from '../postgres/refusal.js';

/** What a client is told when its statement does not run (CONTRACT.md, Connecting). */
export const deniedByPolicy = (verdict: Verdict): Refusal => ({
  code: '42501',
  message: `refused by policy: rule ${verdict.rule}`,
  detail: verdict.reason,
  hint: 'The session goes on. Ask the owners of the policy if this should be possible.',
});

/** The statement could not be recorded, so it did not run. */
export function notRecorded(error: CodedError): Refusal {
  switch (error.code) {
    case 'SPOOL_FULL':
      return {
        code: '53100',
        message: 'the statement was not run: the record of this gateway is full',
        hint: 'It drains as soon as the event log takes records again.',
      };
    case 'RECORD_TOO_LARGE':
      return {
        code: '54000',
        message: 'the statement was not run: what must be recorded of it is too large',
      };
    case 'NOT_REPLICATED':
      return {
        code: '58030',
        message: 'the statement was not run: the event log did not acknowledge its record in time',
        hint: 'This target records to the event log before anything runs (recording: replicated).',
      };
    default:
      return { code: '58030', message: 'the statement was not run: it cannot be recorded' };
  }
}

export const unknownFunction = (oid: number): Refusal => ({
  code: '42883',
  message: `function with OID ${oid} does not exist`,
});

/** What is recorded of a text that could not be read. The grammar's own message may quote a literal of it. */
export function whyUnread(refusal: Refusal): string {
  switch (refusal.code) {
    case '42601':
      return 'the grammar cannot read it';
    case '22021':
      return 'it is not text the server could read';
    default:
      return 'it is more than the parser takes';
  }
}

export const unknownPrepared = (name: string): Refusal => ({
  code: '26000',
  message:
    name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
});

export const unknownPortal = (name: string): Refusal => ({
  code: '34000',
  message: `portal "${name}" does not exist`,
});

export const boundWithoutExecute: Refusal = {
  code: '0A000',
  message: 'a statement that needs approval must be sent as Bind and Execute together',
  hint: 'Run it without a cursor or row-by-row fetching.',
};

export const reviewInFailedTransaction: Refusal = {
  code: '25P02',
  message: 'current transaction is aborted; a statement that needs approval cannot be held in it',
  hint: 'Send ROLLBACK on its own first.',
};

/** The texts a statement runs are bound as they are, and would be recorded and shown. */
export const credentialUnderReview: Refusal = {
  code: '42501',
  message: 'a statement that needs approval must not run a prepared one with a password or connection string',
  hint: 'Send it directly, without PREPARE or DECLARE.',
};

export const messageTooLarge = (length: number): Refusal => ({
  code: '54000',
  message: `the message has ${length} bytes, above what the gateway takes`,
});

export const tooManyNames: Refusal = {
  code: '53400',
  message: 'this session holds too many prepared statements or portals',
  hint: 'Use DEALLOCATE or CLOSE.',
};
