import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { connectAs, heldRequestId, type GatewayClient } from '../../e2e/gateway-client.js';
import { eventually } from '../../e2e/eventually.js';
import { startLocalStack, type LocalStack } from '../../e2e/local-stack.js';

/** Every write waits, and what cannot be judged; the settings, roles and objects of the tests do not. */
const POLICY = `version: 1
default: allow
rules:
  - id: every-write
    when: statement.category == 'write' || statement.category == 'code'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
    routing: { grant: { expires: 3s } }
`;

export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Asks for results in binary. */
  readonly binary?: boolean;
  /** By the extended protocol, also without values. */
  readonly extended?: boolean;
}

/** How an attempt ended: with rows changed, or with the error's code and the request it names. */
export type Ended =
  | { readonly ran: true }
  | { readonly ran: false; readonly code: string; readonly requestId: string | undefined };

/** One whole stack, and what variations of drift do with it. */
export class DriftWorld {
  private constructor(
    readonly stack: LocalStack,
    readonly admin: pg.Client,
  ) {}

  static async start(folder: string): Promise<DriftWorld> {
    const policy = path.join(folder, 'policy.yaml');
    await writeFile(policy, POLICY);
    const stack = await startLocalStack({ environment: { KAFKA_BROKERS: '', COUNTERSIGN_POLICY: policy } });
    const admin = new pg.Client({ connectionString: stack.ready.targets['shop']?.adminUrl as string });
    await admin.connect();
    await admin.query('CREATE ROLE drift_other; GRANT drift_other TO shop_app');
    return new DriftWorld(stack, admin);
  }

  async stop(): Promise<void> {
    await this.admin.end();
    await this.stack.stop();
  }

  /** A table of its own for a variation: three rows, of which none must ever change. */
  async table(name: string): Promise<void> {
    await this.admin
      .query(`SET ROLE shop_app; CREATE TABLE ${name} (id int PRIMARY KEY, v int NOT NULL DEFAULT 0);
      INSERT INTO ${name} (id) VALUES (1), (2), (3);
      CREATE FUNCTION ${name}_f(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT v + 1'; RESET ROLE;
      GRANT ALL ON ${name} TO drift_other`);
  }

  connect(name: string, wait: 'hold' | 'retry'): Promise<GatewayClient> {
    return connectAs(this.stack, name, wait === 'retry' ? { options: '-c countersign.wait=retry' } : {});
  }

  /** Sends a statement and says how it ended. */
  send(client: pg.Client, { text, values, binary, extended }: Statement): Promise<Ended> {
    const config = {
      text,
      ...(values === undefined ? {} : { values: [...values] }),
      ...(binary === undefined ? {} : { binary }),
      ...(extended === true ? { queryMode: 'extended' } : {}),
    };
    return client.query(config as pg.QueryConfig).then(
      (): Ended => ({ ran: true }),
      (error: pg.DatabaseError): Ended => ({
        ran: false,
        code: error.code ?? error.message,
        requestId: /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(
          `${error.message} ${error.detail ?? ''}`,
        )?.[0],
      }),
    );
  }

  /** Sends a statement that waits for nobody, has bob approve what it asks, and returns the request. */
  async approvedForRetry(client: pg.Client, statement: Statement): Promise<string> {
    const ended = await this.send(client, statement);
    if (ended.ran || ended.requestId === undefined)
      throw new Error(`${statement.text} was not held: ${JSON.stringify(ended)}`);
    await this.approve(ended.requestId);
    return ended.requestId;
  }

  /** Sends a statement that waits; resolves when its request is open. */
  async held(
    client: GatewayClient,
    statement: Statement,
  ): Promise<{ requestId: string; ended: Promise<Ended> }> {
    const from = client.notices.length;
    const ended = this.send(client, statement);
    return { requestId: await heldRequestId(client, from), ended };
  }

  async approve(requestId: string): Promise<void> {
    await eventually(`bob approves ${requestId}`, 60_000, async () => {
      const { status } = await this.call('bob', 'POST', `/v1/requests/${requestId}/votes`, {
        decision: 'approve',
      });
      if (status !== 200 && status !== 404 && status !== 409) throw new Error(`the vote gave ${status}`);
      const { body } = await this.call('carol', 'GET', `/v1/requests/${requestId}`);
      return body.state !== undefined && body.state !== 'pending' ? true : undefined;
    });
  }

  async call(
    as: string,
    method: string,
    where: string,
    body?: object,
  ): Promise<{ status: number; body: { state?: string; digest?: string; gatewayId?: string } }> {
    const token = this.stack.ready.identities.find(({ name }) => name === as)?.token ?? '';
    const response = await fetch(`${this.stack.ready.approvals.url}${where}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as object };
  }

  /** Whether any row of the variation's table, or of what took its place, has another value than it had. */
  async changed(name: string): Promise<boolean> {
    const { rows } = await this.admin
      .query<{ n: string }>(`SELECT count(*) AS n FROM ${name}_watched WHERE v <> 0`)
      .catch(() => this.admin.query<{ n: string }>(`SELECT count(*) AS n FROM ${name} WHERE v <> 0`));
    return Number(rows[0]?.n) > 0;
  }

  /** The key that approvals itself signs with: to show that a true signature is not enough. */
  async decisionKey() {
    return createPrivateKey(await readFile(path.join(this.stack.home, 'keys', 'decision-signing.pem')));
  }
}
