import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '#deploy/local/package-root.js';
import type { EventLogProducer } from '#libs/event-log/port.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { SlackEmulator, type Fault } from '#libs/testing/slack-emulator/slack-emulator.js';
import { newSigningKey, SampleGateway } from '../../apps/approvals/src/testing/sample-gateway.js';
import { testPlatform, type TestPlatform } from '../../apps/approvals/src/testing/test-platform.js';

/** Requests go to so many channels, so that one message a second in each does not set the pace. */
const CHANNELS = 20;
const TEAM = 'T0SAMPLE';
export const REVIEWERS = ['bob', 'dana', 'zoe'] as const;
export const slackIdOf = (name: string): string => `U0${name.toUpperCase()}`;
export const channelOf = (index: number): string => `C0CHAOS${index % CHANNELS}`;
/** The rule of a run: which channel it goes to, and how many must sign. */
export const ruleOf = (index: number, quorum: number): string => `run-${index % CHANNELS}-${quorum}`;

const groups = Array.from({ length: CHANNELS }, (_, index) => `g${index}`);
const POLICY = `version: 1
default: allow
masking: off
rules:
${groups
  .flatMap((group, index) =>
    [1, 2].map(
      (count) => `  - id: ${ruleOf(index, count)}
    when: statement.category == 'ddl'
    effect: review
    reviewers: [{ group: ${group}, count: ${count} }]`,
    ),
  )
  .join('\n')}
`;

/** A real approvals process over a real PostgreSQL, a strict Slack, and a gateway that asks. */
export class ChaosWorld {
  private child: ChildProcess | undefined;
  private constructor(
    readonly platform: TestPlatform,
    readonly slack: SlackEmulator,
    readonly gateway: SampleGateway,
    readonly producer: EventLogProducer,
    readonly policyHash: string,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly folder: string,
  ) {}

  static async start(): Promise<ChaosWorld> {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-slack-chaos-'));
    const platform = await testPlatform();
    const gateway = new SampleGateway();
    const file = async (name: string, text: string): Promise<string> => {
      const at = path.join(folder, name);
      await writeFile(at, text, { mode: 0o600 });
      return at;
    };
    const people = [
      { name: 'alice', groups: ['engineering'], slackUserId: slackIdOf('alice') },
      ...REVIEWERS.map((name) => ({ name, groups, slackUserId: slackIdOf(name) })),
    ];
    const slack = await SlackEmulator.start({
      channels: groups.map((_, index) => channelOf(index)),
      users: people.map(({ slackUserId, name }) => ({ id: slackUserId, team_id: TEAM, name })),
      rateScale: 10,
    });
    const port = await freePort();
    slack.target = `http://127.0.0.1:${port}`;
    const environment = {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: platform.approvalsUrl,
      COUNTERSIGN_OIDC_ISSUER: 'http://127.0.0.1:9/issuer',
      COUNTERSIGN_APPROVALS_PORT: String(port),
      COUNTERSIGN_LOG_LEVEL: 'fatal',
      COUNTERSIGN_GATEWAY_KEYS: await file('gateway-keys.pem', gateway.key.publicPem),
      COUNTERSIGN_DECISION_SIGNING_KEY: await file('decision.pem', newSigningKey().pem),
      COUNTERSIGN_DIRECTORY: await file('directory.json', JSON.stringify({ people })),
      COUNTERSIGN_POLICY: await file('policy.yaml', POLICY),
      SLACK_BOT_TOKEN: slack.options.botToken,
      SLACK_SIGNING_SECRET: slack.options.signingSecret,
      SLACK_CHANNEL: channelOf(0),
      SLACK_CHANNELS: groups.map((group, index) => `${group}=${channelOf(index)}`).join(','),
      SLACK_API_URL: slack.apiUrl,
    };
    const { hash } = loadPolicy({ text: POLICY, file: 'policy' });
    const producer = await platform.adminLog.producer();
    return new ChaosWorld(platform, slack, gateway, producer, hash, environment, folder);
  }

  /** Starts approvals and waits until it is ready. */
  async startApprovals(): Promise<void> {
    const child = spawn(process.execPath, [path.join(packageRoot, 'dist/apps/approvals/src/main.js')], {
      cwd: packageRoot,
      env: this.environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`approvals did not start: exit status ${child.exitCode}`);
      const answer = await fetch(`${this.slack.target}/readyz`).catch(() => undefined);
      if (answer?.status === 200) return;
      await sleep(50);
    }
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await this.producer.close();
    await this.slack.close();
    await this.platform.dispose();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What goes wrong with the calls approvals makes, each time anew. `random` gives numbers from 0 to 1. */
export function chaosFault(random: () => number): Fault | undefined {
  const dice = random();
  if (dice < 0.04) return { kind: 'rate-limited', retryAfter: 1 };
  if (dice < 0.08) return { kind: 'status', status: random() < 0.5 ? 500 : 503 };
  if (dice < 0.11) return { kind: 'reset' };
  if (dice < 0.14) return { kind: 'answer-lost' };
  if (dice < 0.16) return { kind: 'late', ms: 200 + Math.floor(random() * 2_500) };
  return undefined;
}

/** mulberry32: the same seed gives the same dice. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
