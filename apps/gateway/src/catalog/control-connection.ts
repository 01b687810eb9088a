import type { TargetConfiguration } from '#libs/contracts/targets.js';
import { CodedError } from '#libs/kernel/coded-error.js';
import { TERMINATE } from '#libs/pg-wire/bodyless-messages.js';
import { readDataRow } from '#libs/pg-wire/data-row.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { Disposition, FrameSplitter } from '#libs/pg-wire/frame-splitter.js';
import { Backend } from '#libs/pg-wire/message-types.js';
import { ProtocolViolation } from '#libs/pg-wire/protocol-violation.js';
import { loginUpstream, type UpstreamSession } from '../postgres/upstream-login.js';
import { openUpstreamSocket } from '../postgres/upstream-socket.js';
import { queryFrames, type ControlQuery } from './query-frames.js';

export type ControlRows = readonly (readonly (string | null)[])[];

/** The catalog of a large database is one row of this size at most. */
const MAX_FRAME = 512 * 1024 * 1024;

interface Asked {
  readonly rows: (string | null)[][];
  error: CodedError | undefined;
  readonly resolve: (rows: ControlRows) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A connection of the gateway's own at a target, with the role that sessions have: for the catalog and for
 * estimates. One query at a time; each by the extended protocol, so that a text is one command. Rejects
 * with CodedError QUERY_FAILED for the server's own errors (the connection lives on) and CONNECTION_LOST.
 */
export class ControlConnection {
  private asked: Asked | undefined;
  private lost: CodedError | undefined;
  private readonly splitter: FrameSplitter;

  private constructor(private readonly upstream: UpstreamSession) {
    this.splitter = new FrameSplitter({
      disposition: (_type, length) => {
        if (length > MAX_FRAME) throw new ProtocolViolation('an answer that is too long');
        return Disposition.Whole;
      },
      frame: (type, bytes, start, end) => this.frame(type, bytes.subarray(start, end)),
      piece: () => undefined,
      dropped: () => undefined,
    });
    const { socket } = upstream;
    socket.on('data', (chunk: Buffer) => {
      try {
        this.splitter.push(chunk);
      } catch (error) {
        this.lose(error as Error);
      }
    });
    socket.on('error', (error) => this.lose(error));
    socket.on('close', () => this.lose(new Error('the target closed the connection')));
    socket.resume();
  }

  /** Within `limitMs`; `settings` are start-up parameters. Rejects as the login of a session does. */
  static async open(
    target: TargetConfiguration,
    database: string,
    settings: readonly (readonly [string, string])[],
    limitMs: number,
  ): Promise<ControlConnection> {
    const signal = AbortSignal.timeout(limitMs);
    const socket = await openUpstreamSocket(target, signal);
    const giveUp = (): void => void socket.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const startup = [['user', target.user], ['database', database], ...settings] as const;
      return new ControlConnection(await loginUpstream(socket, target, 0, startup));
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  get alive(): boolean {
    return this.lost === undefined;
  }

  /** An answer that outlasts `limitMs` costs the connection. */
  async query(query: ControlQuery, limitMs: number): Promise<ControlRows> {
    if (this.lost !== undefined) throw this.lost;
    if (this.asked !== undefined) throw new Error('one query at a time');
    const { promise, resolve, reject } = Promise.withResolvers<ControlRows>();
    this.asked = { rows: [], error: undefined, resolve, reject };
    const timer = setTimeout(() => this.lose(new Error(`no answer within ${limitMs} ms`)), limitMs);
    this.upstream.socket.write(queryFrames(query));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    const { socket } = this.upstream;
    if (socket.writable) socket.end(TERMINATE);
    this.lose(new Error('it was closed'));
  }

  private frame(type: number, frame: Buffer): void {
    const { asked } = this;
    if (asked === undefined) return;
    switch (type) {
      case Backend.DataRow:
        asked.rows.push(readDataRow(frame).map((column) => column?.toString('utf8') ?? null));
        return;
      case Backend.ErrorResponse: {
        const fields = readErrorFields(frame);
        asked.error = new CodedError('QUERY_FAILED', fields.get('C') ?? 'XX000');
        return;
      }
      case Backend.ReadyForQuery:
        this.asked = undefined;
        if (asked.error === undefined) asked.resolve(asked.rows);
        else asked.reject(asked.error);
    }
  }

  private lose(cause: Error): void {
    this.lost ??= new CodedError('CONNECTION_LOST', 'the control connection is lost', {
      cause,
      safeToRetry: true,
    });
    const { asked } = this;
    this.asked = undefined;
    asked?.reject(this.lost);
    this.upstream.socket.destroy();
  }
}
