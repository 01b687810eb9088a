import { randomBytes } from 'node:crypto';

export interface EventLogUnderTest {
  readonly kind: 'embedded' | 'kafka';
  /** Settings for a stack of its own; a fresh topic prefix each time. */
  environment(): Readonly<Record<string, string>>;
}

/**
 * Always the embedded log; Kafka too where KAFKA_TEST_BROKERS names a running broker. What is left out is
 * said loudly; with COUNTERSIGN_REQUIRE_KAFKA=1 it is a failure.
 */
export function eventLogsUnderTest(): EventLogUnderTest[] {
  const embedded: EventLogUnderTest = { kind: 'embedded', environment: () => ({ KAFKA_BROKERS: '' }) };
  const brokers = process.env['KAFKA_TEST_BROKERS'];
  if (brokers !== undefined && brokers !== '') {
    const environment = (): Record<string, string> => ({
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC_PREFIX: `e2e-${randomBytes(4).toString('hex')}.`,
    });
    return [embedded, { kind: 'kafka', environment }];
  }
  if (process.env['COUNTERSIGN_REQUIRE_KAFKA'] === '1') {
    throw new Error('COUNTERSIGN_REQUIRE_KAFKA=1, but KAFKA_TEST_BROKERS names no broker: run npm run kafka');
  }
  process.stderr.write(
    'LEFT OUT: the whole stack over Kafka (start one with: npm run kafka, then set KAFKA_TEST_BROKERS)\n',
  );
  return [embedded];
}
