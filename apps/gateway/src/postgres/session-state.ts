import type { TransactionStatus } from '#libs/pg-wire/ready-for-query.js';
import type { Portal, Prepared } from '../enforcement/prepared.js';
import { SessionNames } from '../enforcement/session-names.js';
import { SlotQueue } from './slot.js';

/** What the two directions of a session share. Owned by the session; changed by FromClient and FromTarget. */
export class SessionState {
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I';
  readonly slots = new SlotQueue();
  readonly statements = new SessionNames<Prepared>();
  readonly portals = new SessionNames<Portal>();
  /** Counts Syncs and Queries of the client. */
  series = 0;
  /** Messages of the extended protocol went to the target since the last Sync. */
  seriesOpen = false;
  /** A Bind or Execute among them: a Sync of ours would end a transaction that is the client's. */
  seriesBusy = false;
  /** An Execute among them: an implicit transaction may hold work. */
  seriesExecuted = false;
  /** A BEGIN is on its way and ReadyForQuery has not spoken of it. */
  began = false;
  /** An error was given since the last Sync: everything up to it is thrown away. */
  skipping = false;
  /** The server reads COPY data: Sync and Flush are ignored by it until the data ends. */
  copyingIn = false;
  /** ParameterStatus, as the server last reported them. */
  readonly parameters: Map<string, string>;

  constructor(parameters: Map<string, string>) {
    this.parameters = parameters;
  }

  get insideTransaction(): boolean {
    return this.status !== 'I' || this.seriesExecuted || this.began;
  }

  endSeries(): void {
    this.series += 1;
    this.seriesOpen = false;
    this.seriesBusy = false;
    this.seriesExecuted = false;
  }
}
