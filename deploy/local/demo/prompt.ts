import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { connectThroughGateway } from '#libs/postgres/gateway-client.js';
import { NotAsTold } from './narrator.js';

type Client = Awaited<ReturnType<typeof connectThroughGateway>>;

export interface StatementError {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
}

export type Answer = { ok: true; rows: Record<string, unknown>[] } | { ok: false; error: StatementError };

/** Somebody at a database prompt: one connection through the gateway, and the notices on it. */
export class Prompt {
  private readonly notices: string[] = [];
  private client: Client | undefined;

  static async open(ready: ReadyFile, name: string, target: string): Promise<Prompt> {
    const prompt = new Prompt();
    const { host, port, ca } = ready.gateway.postgres;
    const identity = ready.identities.find((each) => each.name === name);
    prompt.client = await connectThroughGateway(
      {
        host,
        port,
        ca: await readFile(ca, 'utf8'),
        user: name,
        password: identity?.password ?? '',
        database: target,
      },
      (message) => void prompt.notices.push(message),
    );
    return prompt;
  }

  async run(statement: string): Promise<Answer> {
    try {
      const { rows } = await this.connected().query<Record<string, unknown>>(statement);
      return { ok: true, rows };
    } catch (error) {
      return { ok: false, error: error as StatementError };
    }
  }

  /** Sends a statement that is to be held: its answer later, and the notice with the request's id now. */
  async hold(
    statement: string,
  ): Promise<{ requestId: string; notice: string; seconds: number; answer: Promise<Answer> }> {
    const before = this.notices.length;
    const begun = performance.now();
    const answer = this.run(statement);
    let early: Answer | undefined;
    void answer.then((result) => (early = result));
    for (;;) {
      const notice = this.notices.slice(before).find((text) => /held/.test(text) && UUID.test(text));
      const seconds = (performance.now() - begun) / 1_000;
      if (notice !== undefined) return { requestId: UUID.exec(notice)?.[0] ?? '', notice, seconds, answer };
      if (early !== undefined || seconds > 5)
        throw new NotAsTold(
          `"${statement}" is held: it was ${early === undefined ? 'silent' : JSON.stringify(early)}`,
        );
      await sleep(10);
    }
  }

  close(): Promise<void> {
    return this.connected().end();
  }

  private connected(): Client {
    if (this.client === undefined) throw new Error('not connected');
    return this.client;
  }
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
