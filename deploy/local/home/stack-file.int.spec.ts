import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { homeAt, type Home } from './home.js';
import {
  processNames,
  readReady,
  readStack,
  replaceIdentities,
  startRecorded,
  writeReady,
  writeStack,
  type Stack,
} from './stack-file.js';

const stack: Stack = {
  version: 1,
  ports: { gateway: 1, gatewayHttp: 2, approvals: 3, audit: 4, idp: 5, platform: 6, target: 7 },
  passwords: {},
  given: {},
  environments: {},
  processes: {},
};

const ready: Omit<ReadyFile, 'processes'> = {
  gateway: { postgres: { host: '127.0.0.1', port: 1, ca: 'ca' }, url: 'http://127.0.0.1:2' },
  approvals: { url: 'http://127.0.0.1:3' },
  audit: { url: 'http://127.0.0.1:4', logs: [] },
  idp: { issuer: 'http://127.0.0.1:5' },
  targets: {},
  platform: { adminUrl: 'postgresql://127.0.0.1:6/x' },
  eventLog: { kind: 'embedded', brokers: [] },
  identities: [],
};

let home: Home;

beforeEach(async () => {
  home = homeAt(await mkdtemp(path.join(tmpdir(), 'countersign-stack-')));
  await writeStack(home, stack);
  await writeReady(home, ready);
});
afterEach(() => rm(home.root, { recursive: true }));

const started = (pid: number) => async () => ({ identity: { pid, started: `at ${pid}` } });
const allow = async (): Promise<void> => undefined;

describe('ready.json', () => {
  it('names every process that came back, also when all came back at once', async () => {
    await Promise.all(processNames.map((name, n) => startRecorded(home, name, allow, started(1000 + n))));
    const found = await readReady(home);
    expect(found?.processes).toEqual(processNames.map((name, n) => ({ name, pid: 1000 + n })));
    expect(Object.keys((await readStack(home))?.processes ?? {})).toHaveLength(processNames.length);
  });

  it('keeps the newest processes when tokens are replaced meanwhile', async () => {
    const identities = [{ name: 'alice', groups: [], password: 'p', token: 't' }];
    await Promise.all([startRecorded(home, 'audit', allow, started(7)), replaceIdentities(home, identities)]);
    expect(await readReady(home)).toMatchObject({ processes: [{ name: 'audit', pid: 7 }], identities });
  });

  it('is for its owner only, and leaves no half-written file behind', async () => {
    await startRecorded(home, 'idp', allow, started(1));
    for (const file of [home.ready, home.stack]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(home.root)).sort()).toEqual(['ready.json', 'stack.json']);
  });
});

describe('startRecorded', () => {
  it('shows the second of two at once the process of the first, and starts nothing beside it', async () => {
    const seen: number[] = [];
    const refuse = async ({ pid }: { pid: number }): Promise<void> => {
      seen.push(pid);
      throw new Error('already running');
    };
    const both = await Promise.allSettled([
      startRecorded(home, 'gateway', refuse, started(11)),
      startRecorded(home, 'gateway', refuse, started(12)),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const recorded = (await readReady(home))?.processes.find(({ name }) => name === 'gateway')?.pid;
    expect(seen).toEqual([recorded]);
  });
});
