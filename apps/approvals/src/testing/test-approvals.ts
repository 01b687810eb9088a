import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseTrustedKeys } from '#libs/contracts/key-files.js';
import type { EventLogProducer } from '#libs/event-log/port.js';
import { systemClock, type Clock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import type { Policy } from '#libs/policy/policy.js';
import { eventually } from '#libs/testing/eventually.js';
import { startTokenIssuer } from '#libs/testing/token-issuer.js';
import type { ApprovalsConfig } from '../config.js';
import { startApprovals, type Approvals } from '../start-approvals.js';
import { newSigningKey, SampleGateway } from './sample-gateway.js';
import { PEOPLE, person, type SamplePerson } from './sample-people.js';
import { silent, type TestPlatform } from './test-platform.js';

const POLICY = `version: 1
default: allow
rules:
  - id: schema-change
    when: statement.category == 'ddl'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
  - id: two-dba
    when: statement.category == 'dcl'
    effect: review
    reviewers: [{ group: dba, count: 2 }]
  - id: dba-and-security
    when: statement.category == 'code'
    effect: review
    reviewers: [{ group: dba, count: 1 }, { group: security, count: 1 }]
`;

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly etag: string | null;
  // Whatever JSON came back.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

/** Approvals as it runs in production, over HTTP and the embedded log, with a gateway that asks it. */
export interface TestApprovals {
  readonly approvals: Approvals;
  readonly gateway: SampleGateway;
  /** Appends to the event log as gateways do. */
  readonly producer: EventLogProducer;
  readonly decisionKey: ReturnType<typeof newSigningKey>;
  readonly policy: Policy;
  call(
    as: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: object,
  ): Promise<Answer>;
  /** A person's bearer token. */
  tokenOf(as: string): Promise<string>;
  vote(as: string, requestId: string, decision: 'approve' | 'deny', more?: object): Promise<Answer>;
  writeDirectory(people: readonly SamplePerson[]): Promise<void>;
  /** Another service on the same database and log. */
  startAnother(changes?: {
    policy?: string;
    clock?: Clock;
    breakGlass?: ApprovalsConfig['breakGlass'];
  }): Promise<Approvals>;
  dispose(): Promise<void>;
}

export const policyOf = (text: string): Policy => loadPolicy({ text, file: 'test' });

export interface TestOptions {
  readonly policy?: string;
  /** Where it is read from, and looked at again; absent: it is passed on as if it were the built-in one. */
  readonly policyFile?: string;
  readonly clock?: Clock;
  readonly maxNotified?: number;
  readonly people?: readonly SamplePerson[];
  readonly slack?: ApprovalsConfig['slack'];
  readonly webhook?: ApprovalsConfig['webhook'];
  readonly mail?: ApprovalsConfig['mail'];
}

export async function testApprovals(
  platform: TestPlatform,
  options: TestOptions = {},
): Promise<TestApprovals> {
  const { people = PEOPLE } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-approvals-'));
  const directoryFile = path.join(folder, 'directory.json');
  const writeDirectory = (people: readonly SamplePerson[]): Promise<void> =>
    writeFile(directoryFile, JSON.stringify({ people }));
  await writeDirectory(people);
  const issuer = await startTokenIssuer();
  const tidyUp = async (): Promise<void> => {
    await issuer.close();
    await rm(folder, { recursive: true, force: true });
  };
  const gateway = new SampleGateway();
  const decisionKey = newSigningKey();
  const config: ApprovalsConfig = {
    tenant: 'default',
    issuer: issuer.issuer,
    databaseUrl: platform.approvalsUrl,
    eventLog: { kind: 'embedded', databaseUrl: platform.approvalsUrl },
    logLevel: 'silent',
    host: '127.0.0.1',
    port: 0,
    gatewayKeys: parseTrustedKeys(gateway.key.publicPem),
    signingKey: decisionKey.signing,
    directoryFile,
    policy: undefined,
    reviewers: 'dba',
    maxNotified: options.maxNotified ?? 50,
    slack: options.slack,
    webhook: options.webhook,
    mail: options.mail,
  };
  const startAnother: TestApprovals['startAnother'] = ({
    policy = options.policy ?? POLICY,
    clock = options.clock ?? systemClock,
    breakGlass,
  } = {}) => {
    const file = options.policyFile;
    const own = file === undefined ? {} : { policy: { file, text: policy } };
    return startApprovals(
      { ...config, ...own, breakGlass },
      {
        eventLog: platform.eventLog,
        policy: policyOf(policy),
        readPolicy: policyOf,
        clock,
        newId,
        logger: silent,
        onFatal: (error) => {
          throw error;
        },
      },
    );
  };
  // A start that fails half-way leaves nothing running behind the test that it fails.
  const approvals = await startAnother().catch(async (error: unknown) => {
    await tidyUp();
    throw error;
  });
  let producer!: EventLogProducer;
  // While a service starts on a busy machine a connection may take longer than it is given.
  await eventually(async () => {
    producer = await platform.adminLog.producer();
  }).catch(async (error: unknown) => {
    await approvals.stop();
    await tidyUp();
    throw error;
  });

  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (name: string): Promise<string> => {
    const known = tokens.get(name);
    if (known !== undefined) return known;
    const { kind, groups, owner } = person(name);
    const token = issuer.token(`sub-${name}`, 'countersign-api', {
      preferred_username: name,
      groups,
      countersign_kind: kind,
      ...(owner === undefined ? {} : { countersign_owner: owner }),
    });
    tokens.set(name, token);
    return token;
  };
  const call: TestApprovals['call'] = async (as, method, where, body, headers = {}) => {
    const response = await fetch(`${approvals.url}${where}`, {
      method,
      headers: {
        ...(as === undefined ? {} : { authorization: `Bearer ${await tokenOf(as)}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type');
    const etag = response.headers.get('etag');
    return {
      status: response.status,
      type,
      etag,
      body: type?.includes('json') === true ? JSON.parse(text) : text,
    };
  };
  return {
    approvals,
    gateway,
    producer,
    decisionKey,
    policy: policyOf(options.policy ?? POLICY),
    call,
    tokenOf,
    vote: (as, requestId, decision, more = decision === 'deny' ? { reason: 'too risky' } : {}) =>
      call(as, 'POST', `/v1/requests/${requestId}/votes`, { decision, ...more }),
    writeDirectory,
    startAnother,
    dispose: async () => {
      await approvals.stop();
      await producer.close();
      await tidyUp();
    },
  };
}
