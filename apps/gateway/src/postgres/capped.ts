import { changedRows, type RowCeiling } from '../enforcement/row-ceiling.js';

/** `failed`: the server gave an error of its own, which the client has. */
export type CappedEnd = 'within' | 'exceeded' | 'failed';

/**
 * Counts what a statement with a row ceiling changes, and keeps its last CommandComplete back until it is
 * settled whether it stays: a client that has one believes in it. Ends once.
 */
export class Capped {
  /** The CommandComplete that the client does not have yet. */
  withheld: Buffer | undefined;
  rows = 0;
  private failed = false;

  constructor(
    readonly ceiling: RowCeiling,
    private readonly makesTable: boolean,
    private readonly done: (end: CappedEnd) => void,
  ) {}

  completed(frame: Buffer, tag: string): void {
    this.rows += changedRows(tag, this.makesTable);
    this.withheld = Buffer.from(frame);
  }

  fail(): void {
    this.failed = true;
    this.withheld = undefined;
  }

  /** What the client gets first, since more is coming. */
  takeWithheld(): Buffer | undefined {
    const frame = this.withheld;
    this.withheld = undefined;
    return frame;
  }

  get within(): boolean {
    return this.rows <= this.ceiling.maxRows;
  }

  /** The server has answered all of it. */
  end(): void {
    this.done(this.failed ? 'failed' : this.within ? 'within' : 'exceeded');
  }
}
