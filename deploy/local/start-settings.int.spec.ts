import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readStartSettings } from './start-settings.js';

describe('readStartSettings', () => {
  it.each([
    ['COUNTERSIGN_AUDIT_PORT', 'seventy'],
    ['COUNTERSIGN_GATEWAY_PORT', '65536'],
    ['KAFKA_BROKERS', 'localhost'],
    ['KAFKA_TOPIC_PREFIX', 'a/b'],
    ['KAFKA_CREATE_TOPICS', 'maybe'],
    ['DATABASE_URL', 'nowhere'],
    ['DATABASE_URL', 'mysql://root@localhost/x'],
    ['DATABASE_URL', 'postgresql://owner@localhost:5432/'],
    ['COUNTERSIGN_TENANT', 'a tenant'],
    ['COUNTERSIGN_POLICY', '/no/such/policy.yaml'],
    ['COUNTERSIGN_TARGETS', '/no/such/targets.yaml'],
  ])('refuses a bad %s in one line that names it', async (variable, value) => {
    const refusal = await readStartSettings({ [variable]: value }).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
    expect(refusal).toMatch(new RegExp(`^${variable}: .+`));
    expect(refusal).not.toContain('\n');
  });

  it('refuses a policy the services would refuse, before anything is started', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-settings-'));
    const file = path.join(folder, 'policy.yaml');
    await writeFile(file, 'version: 1\nmasking: on\n');
    await expect(readStartSettings({ COUNTERSIGN_POLICY: file })).rejects.toThrow(
      /^COUNTERSIGN_POLICY: .*policy\.yaml:2: .*masking/,
    );
    await rm(folder, { recursive: true });
  });

  it('refuses targets the gateway would refuse, and knows the names of those it would take', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-settings-'));
    const file = path.join(folder, 'targets.yaml');
    const url = 'postgresql://app:${SOME_PASSWORD}@127.0.0.1/ours?sslmode=disable';
    await writeFile(file, `targets:\n  ours: { kind: postgres, url: "${url}", environment: staging }\n`);
    await expect(readStartSettings({ COUNTERSIGN_TARGETS: file })).rejects.toThrow(
      /^COUNTERSIGN_TARGETS: .*SOME_PASSWORD/,
    );
    const settings = await readStartSettings({ COUNTERSIGN_TARGETS: file, SOME_PASSWORD: 'x' });
    await rm(folder, { recursive: true });
    expect(settings.targets?.names).toEqual(['ours']);
  });

  it('makes the names of files absolute, since the services run elsewhere', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'countersign-settings-'));
    const file = path.join(folder, 'policy.yaml');
    await writeFile(file, 'version: 1\nmasking: off\n');
    const settings = await readStartSettings({
      COUNTERSIGN_POLICY: path.relative(process.cwd(), file),
    });
    await rm(folder, { recursive: true });
    expect(settings.COUNTERSIGN_POLICY).toBe(file);
  });
});
