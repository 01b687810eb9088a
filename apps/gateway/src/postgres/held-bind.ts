import type { BoundStatement } from '#libs/contracts/binding.js';
import { readExecute, type ExecuteMessage } from '#libs/pg-wire/execute-message.js';
import { Frontend } from '#libs/pg-wire/message-types.js';
import { readName } from '#libs/pg-wire/name-message.js';
import type { Portal } from '../enforcement/prepared.js';
import type { Considered } from './statement-intake.js';

/** A Bind that needs approval, with what belongs to it: Describe of its portal, and its Execute. */
export class HeldBind {
  readonly describes: Buffer[] = [];
  execute: Buffer | undefined;
  maxRows = 0;

  constructor(
    /** undefined where the server has the portal already. */
    readonly bind: Buffer | undefined,
    readonly portalName: string,
    readonly portal: Portal,
    readonly considered: Considered,
  ) {}

  static ofExecute(frame: Buffer, message: ExecuteMessage, portal: Portal, considered: Considered): HeldBind {
    const held = new HeldBind(undefined, message.portal, portal, considered);
    held.execute = frame;
    held.maxRows = message.maxRows;
    return held;
  }

  /** Takes the message if it belongs here. */
  take(type: number, frame: Buffer): boolean {
    if (type === Frontend.Describe) {
      const { of, name } = readName(frame);
      if (of !== 'portal' || name !== this.portalName) return false;
      this.describes.push(frame);
      return true;
    }
    if (type !== Frontend.Execute) return false;
    const message = readExecute(frame);
    if (message.portal !== this.portalName) return false;
    this.execute = frame;
    this.maxRows = message.maxRows;
    return true;
  }

  /** What is approved: the text, its parameters and the row limit, as they will be sent. */
  bound(): BoundStatement {
    const { prepared, parameters, formats, resultFormats } = this.portal;
    return {
      text: prepared.known.bytes.toString('base64'),
      standsFor: this.considered.standsFor.map((text) => text.bytes.toString('base64')),
      parameterTypes: [...prepared.parameterTypes],
      parameterFormats: [...formats],
      parameters: parameters.map((value) => value?.toString('base64') ?? null),
      resultFormats: [...resultFormats],
      maxRows: this.maxRows,
    };
  }
}
