import { homeAt } from './home/home.js';
import { serviceEnvironments, type Platform } from './service-environments.js';
import type { StartSettings } from './start-settings.js';

const OWNER = 'postgresql://owner:ownersecret@db.internal:5432/countersign';

function environments(given: Record<string, string>, settings: Partial<StartSettings> = {}) {
  const platform: Platform = {
    settings: { COUNTERSIGN_TENANT: 'default', targets: undefined, ...settings } as StartSettings,
    ports: { gateway: 1, gatewayHttp: 2, approvals: 3, audit: 4, idp: 5, platform: 6, target: 7 },
    ownerUrl: OWNER,
    targetsText: settings.targets?.text ?? '',
    passwords: { gateway: 'g', approvals: 'p', audit: 'u' },
  };
  return serviceEnvironments(homeAt('/home/stack'), platform, { DATABASE_URL: OWNER, ...given });
}

describe('serviceEnvironments', () => {
  it('gives no service the owner’s login, and each its own', () => {
    const all = environments({});
    expect(JSON.stringify(all)).not.toContain('ownersecret');
    const logins = [all.gateway, all.approvals, all.audit].map(
      (each) => new URL(each?.['DATABASE_URL'] ?? ''),
    );
    expect(new Set(logins.map(({ username }) => username)).size).toBe(3);
    expect(
      logins.every(({ host, pathname }) => host === 'db.internal:5432' && pathname === '/countersign'),
    ).toBe(true);
  });

  it('gives the gateway no database where the event log is Kafka, and everybody the brokers', () => {
    const all = environments({ KAFKA_BROKERS: 'a:1', KAFKA_TOPIC_PREFIX: 'p.' }, { KAFKA_BROKERS: ['a:1'] });
    expect(all.gateway).not.toHaveProperty('DATABASE_URL');
    for (const each of [all.gateway, all.approvals, all.audit])
      expect(each).toMatchObject({ KAFKA_BROKERS: 'a:1', KAFKA_TOPIC_PREFIX: 'p.' });
  });

  it('ignores a topic prefix without Kafka', () => {
    expect(environments({ KAFKA_TOPIC_PREFIX: 'p.' }).gateway).not.toHaveProperty('KAFKA_TOPIC_PREFIX');
  });

  it('names a private key only to the service it belongs to', () => {
    const all = environments({});
    const holders = (key: string): string[] =>
      Object.entries(all)
        .filter(([, environment]) => Object.values(environment ?? {}).some((value) => value.endsWith(key)))
        .map(([name]) => name);
    expect(holders('gateway-signing.pem')).toEqual(['gateway']);
    expect(holders('decision-signing.pem')).toEqual(['approvals']);
    expect(holders('ledger-signing.pem')).toEqual(['audit']);
    expect(holders('idp-clients.json')).toEqual(['idp']);
  });

  it('tells the gateway how much its spool may hold', () => {
    expect(environments({ COUNTERSIGN_SPOOL_MAX_BYTES: '1000000' }).gateway).toMatchObject({
      COUNTERSIGN_SPOOL_MAX_BYTES: '1000000',
    });
  });

  it('tells only approvals of Slack', () => {
    const all = environments({ SLACK_BOT_TOKEN: 'xoxb' });
    const knowing = Object.entries(all).filter(([, environment]) => 'SLACK_BOT_TOKEN' in (environment ?? {}));
    expect(knowing.map(([name]) => name)).toEqual(['approvals']);
  });

  it('puts what the person set before what the stack would take, except the ports it chose', () => {
    const { gateway, approvals } = environments({
      COUNTERSIGN_DECISION_KEYS: '/other/keys.pem',
      COUNTERSIGN_GATEWAY_PORT: '99',
      COUNTERSIGN_SPOOL_MAX_BYTES: '1000000',
    });
    expect(gateway).toMatchObject({
      COUNTERSIGN_DECISION_KEYS: '/other/keys.pem',
      COUNTERSIGN_GATEWAY_PORT: '1',
      COUNTERSIGN_SPOOL_MAX_BYTES: '1000000',
    });
    expect(approvals).not.toHaveProperty('COUNTERSIGN_DECISION_KEYS');
  });

  it('passes on what a targets file takes from the environment, and nothing else of it', () => {
    const { gateway, audit } = environments(
      { SHOP_PASSWORD: 's', UNRELATED: 'x' },
      { targets: { text: 'url: "postgresql://app:${SHOP_PASSWORD}@h/d"', names: ['shop'] } },
    );
    expect(gateway).toMatchObject({ SHOP_PASSWORD: 's' });
    expect(gateway).not.toHaveProperty('UNRELATED');
    expect(audit).not.toHaveProperty('SHOP_PASSWORD');
  });
});
