import path from 'node:path';

/** Where jars and data of the development broker stand: KAFKA_DEV_HOME, else .kafka in the current folder. */
export const kafkaHome = (environment: NodeJS.ProcessEnv): string =>
  path.resolve(environment['KAFKA_DEV_HOME'] || '.kafka');
