import { randomBytes } from 'node:crypto';

export interface EmulatedUser {
  readonly id: string;
  readonly team_id: string;
  readonly name: string;
  readonly deleted?: boolean;
  readonly is_bot?: boolean;
  readonly is_restricted?: boolean;
  readonly is_ultra_restricted?: boolean;
  readonly is_stranger?: boolean;
  readonly profile?: { readonly real_name?: string; readonly email?: string };
}

// Whatever JSON Block Kit has.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

export interface EmulatedMessage {
  readonly channel: string;
  readonly ts: string;
  readonly threadTs: string | undefined;
  text: string;
  blocks: Json[];
  metadata: Json;
  edits: number;
}

export interface EmulatedFile {
  readonly id: string;
  readonly name: string;
  readonly length: number;
  content: Buffer | undefined;
  /** Once completed. */
  shared?: { readonly channel: string; readonly threadTs: string | undefined };
}

export interface Ephemeral {
  readonly channel: string;
  readonly user: string;
  readonly text: string;
  readonly blocks: Json[];
}

export interface OpenedView {
  readonly id: string;
  readonly user: string;
  readonly view: Json;
}

/** What the emulated workspace holds: tests look into it, the Web API changes it. */
export class Workspace {
  readonly users = new Map<string, EmulatedUser>();
  readonly channels = new Map<string, { readonly member: boolean }>();
  readonly messages: EmulatedMessage[] = [];
  readonly ephemerals: Ephemeral[] = [];
  readonly views: OpenedView[] = [];
  readonly files = new Map<string, EmulatedFile>();
  /** Trigger id to who may open a dialog with it, until when (ms). */
  readonly triggers = new Map<string, { readonly user: string; readonly until: number; used: boolean }>();
  private lastTs = 0;

  constructor(readonly team: string) {}

  /** The messages of a channel that are no thread replies. */
  inChannel(channel: string): EmulatedMessage[] {
    return this.messages.filter((each) => each.channel === channel && each.threadTs === undefined);
  }

  thread(channel: string, ts: string): EmulatedMessage[] {
    return this.messages.filter((each) => each.channel === channel && each.threadTs === ts);
  }

  find(channel: string, ts: string): EmulatedMessage | undefined {
    return this.messages.find((each) => each.channel === channel && each.ts === ts);
  }

  /** Unique and growing, as Slack's. */
  nextTs(now: number): string {
    this.lastTs = Math.max(this.lastTs + 1, now * 1_000);
    const text = String(Math.floor(this.lastTs)).padStart(16, '0');
    return `${text.slice(0, -6)}.${text.slice(-6)}`;
  }

  newTrigger(user: string, now: number): string {
    const id = `${now}.${randomBytes(8).toString('hex')}`;
    this.triggers.set(id, { user, until: now + 3_000, used: false });
    return id;
  }
}

/** The buttons of a message, as somebody sees them. */
export const buttonsOf = (
  message: EmulatedMessage,
): { text: string; action_id: string; value: string; block_id: string }[] =>
  message.blocks
    .filter((block: Json) => block.type === 'actions')
    .flatMap((block: Json) =>
      block.elements.map((element: Json) => ({
        text: element.text.text,
        action_id: element.action_id,
        value: element.value,
        block_id: block.block_id,
      })),
    );

/** Everything a message says, in one string. */
export const textOf = (message: { text: string; blocks: Json[] }): string =>
  [
    message.text,
    ...message.blocks.flatMap((block: Json) => [
      block.text?.text,
      ...(block.elements ?? []).map((each: Json) => each.text?.text ?? each.text),
    ]),
  ]
    .filter((each) => typeof each === 'string')
    .join('\n');
