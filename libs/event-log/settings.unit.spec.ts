import { SettingError } from '#libs/kernel/settings.js';
import { readEventLogSettings } from './settings.js';

describe('readEventLogSettings', () => {
  it('chooses Kafka where brokers are named, else the database', () => {
    expect(
      readEventLogSettings({
        KAFKA_BROKERS: 'a.example:9092, [::1]:9093',
        KAFKA_TOPIC_PREFIX: 'acme-1_x.',
        DATABASE_URL: 'postgresql://db/x',
      }),
    ).toEqual({
      kind: 'kafka',
      brokers: ['a.example:9092', '[::1]:9093'],
      topicPrefix: 'acme-1_x.',
      createTopics: true,
    });
    expect(readEventLogSettings({ DATABASE_URL: 'postgresql://db/x', KAFKA_BROKERS: '' })).toEqual({
      kind: 'embedded',
      databaseUrl: 'postgresql://db/x',
    });
  });

  it.each([
    [{ KAFKA_BROKERS: 'a.example' }, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: 'a:1,,b:2' }, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: 'a:1', KAFKA_TOPIC_PREFIX: 'a/b' }, 'KAFKA_TOPIC_PREFIX'],
    [{ KAFKA_BROKERS: 'a:1', KAFKA_CREATE_TOPICS: 'no' }, 'KAFKA_CREATE_TOPICS'],
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL'],
    [{}, 'DATABASE_URL'],
  ])('refuses %j by the name of the variable', (environment, variable) => {
    let error: unknown;
    try {
      readEventLogSettings(environment);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SettingError);
    expect(error).toMatchObject({ variable });
    expect((error as Error).message).not.toContain('\n');
  });
});
