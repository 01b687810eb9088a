import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface BrokerFiles {
  readonly properties: string;
  readonly logging: string;
  readonly data: string;
  readonly log: string;
}

/** A UUID as Kafka writes it: 22 characters of base64url. Never begins with a dash, which reads as an option. */
export function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/**
 * Writes the configuration of a single node that is broker and controller (KRaft), on `port` and
 * `port + 1` of the loopback interface.
 */
export async function writeBrokerFiles(
  directory: string,
  port: number,
  extra: Readonly<Record<string, string>>,
): Promise<BrokerFiles> {
  const files: BrokerFiles = {
    properties: path.join(directory, 'server.properties'),
    logging: path.join(directory, 'log4j2.properties'),
    data: path.join(directory, 'data'),
    log: path.join(directory, 'kafka.log'),
  };
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
  const properties: Readonly<Record<string, string>> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${port + 1}`,
    listeners,
    'advertised.listeners': listeners,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': files.data,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...extra,
  };
  await mkdir(directory, { recursive: true });
  await writeFile(
    files.properties,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  await writeFile(files.logging, LOGGING);
  return files;
}

const LOGGING = `rootLogger.level = WARN
rootLogger.appenderRef.c.ref = C
appender.c.type = Console
appender.c.name = C
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d{ISO8601} %p %c{1} - %m%n
logger.k.name = kafka.server.KafkaRaftServer
logger.k.level = INFO
`;
