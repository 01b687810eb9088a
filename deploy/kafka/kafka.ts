import path from 'node:path';
import { z } from 'zod';
import { startBroker } from '#libs/embedded-kafka/broker.js';
import { fetchJars, hasJars } from '#libs/embedded-kafka/jars.js';
import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { hasCode, messageOf } from '#libs/kernel/coded-error.js';
import { portSetting, readSettings } from '#libs/kernel/settings.js';

/** `npm run kafka`: a real Kafka for development, in the foreground, until Ctrl-C. */
async function main(): Promise<void> {
  const { KAFKA_DEV_PORT: port } = readSettings(
    z.object({ KAFKA_DEV_PORT: portSetting.default(19_092) }),
    process.env,
  );
  const home = kafkaHome(process.env);
  const java = await findJava(process.env);
  if (!(await hasJars(home))) {
    console.log(`Getting Kafka's jars from Maven Central into ${home} (once, about 45 MB) …`);
    await fetchJars(home, path.resolve('deploy/kafka/pom.xml'));
  }
  let stopping = false;
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        stopping = true;
        resolve();
      });
  });
  console.log('Starting Kafka …');
  // A node keeps the ports it was made with: one folder for each port.
  const broker = await startBroker({ java, home, directory: path.join(home, `node-${port}`), port });
  console.log(`KAFKA_BROKERS=${broker.brokers}`);
  console.log(`Ready (process ${broker.pid}, log ${broker.logFile}). Ctrl-C stops it.`);
  const how = await Promise.race([signalled.then(() => undefined), broker.exited]);
  if (how !== undefined && !stopping)
    throw new Error(`Kafka ended by itself (${how}): see ${broker.logFile}`);
  await broker.stop();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const hint = hasCode(error, 'PORT_TAKEN') ? 'KAFKA_DEV_PORT: ' : '';
    console.error(`${hint}${messageOf(error)}`);
    process.exit(1);
  },
);
