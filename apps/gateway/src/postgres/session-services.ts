import type { Identity } from '#libs/contracts/identity.js';
import type { Effect } from '#libs/contracts/events/statement-events.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Catalogs } from '../catalog/catalogs.js';
import type { HeldRequests } from '../enforcement/held-requests.js';
import type { HoldLimits } from '../enforcement/hold-request.js';
import type { Judge } from '../enforcement/judge.js';
import type { Spool } from '../spool/spool.js';
import type { OutcomeJournal } from './outcomes.js';

/** What all sessions of a gateway share. */
export interface SessionServices {
  readonly judge: Judge;
  readonly catalogs: Catalogs;
  readonly spool: Spool;
  readonly journal: OutcomeJournal;
  readonly held: HeldRequests;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly holdLimits: HoldLimits;
  /** Seals the credentials in what this identity's statements bind. */
  readonly sealingSaltFor: (identity: Identity) => Buffer;
  /** The longest message read into memory, in bytes. */
  readonly maxMessageBytes: number;
  readonly counted: (effect: Effect) => void;
  readonly heldFor: (milliseconds: number) => void;
}
