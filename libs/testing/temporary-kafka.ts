import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startBroker, type Broker } from '#libs/embedded-kafka/broker.js';
import { portIsFree } from '#libs/embedded-kafka/port-is-free.js';

export interface TemporaryKafka extends Broker {
  readonly port: number;
  /** After kill() or stop(): starts it again on the same port with the same data. */
  restart(): Promise<TemporaryKafka>;
  /** Stops the broker and deletes its data. */
  dispose(): Promise<void>;
}

/** A Kafka of a test's own, in a temporary folder. Call `dispose` in afterAll. */
export async function temporaryKafka(options: {
  java: string;
  home: string;
  /** Settings beside the usual ones; `port` to `port + 3` are the broker's to use. */
  properties?: (port: number) => Readonly<Record<string, string>>;
  formatWith?: readonly string[];
  jvmProperties?: readonly string[];
}): Promise<TemporaryKafka> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-kafka-'));
  const port = await freePorts(4);
  const start = async (): Promise<TemporaryKafka> => {
    const broker = await startBroker({
      java: options.java,
      home: options.home,
      directory: folder,
      port,
      quick: true,
      properties: options.properties?.(port) ?? {},
      formatWith: options.formatWith ?? [],
      jvmProperties: options.jvmProperties ?? [],
    });
    return {
      ...broker,
      port,
      restart: start,
      dispose: async () => {
        await broker.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  };
  try {
    return await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The first of several free ports in a row, below the range of outgoing connections. */
async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const first = 20_000 + randomInt(3_000) * 4;
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if ((await Promise.all(ports.map(portIsFree))).every(Boolean)) return first;
  }
  throw new Error('no free ports between 20000 and 32000');
}
