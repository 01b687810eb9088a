import { connect } from 'node:net';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { check, type CheckResult } from './check.js';

/** Kafka: each broker takes a connection. The embedded log is as reachable as the platform database. */
export function checkEventLog({ eventLog }: ReadyFile): Promise<CheckResult[]> {
  if (eventLog.kind === 'embedded')
    return Promise.resolve([{ name: 'event log', ok: true, detail: 'embedded, in the platform database' }]);
  return Promise.all(eventLog.brokers.map((broker) => check(`event log ${broker}`, () => reachable(broker))));
}

function reachable(broker: string): Promise<string> {
  const colon = broker.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) });
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
    socket.once('connect', () => {
      socket.destroy();
      resolve('Kafka takes connections');
    });
    socket.once('error', reject);
  });
}
