// Appends per second of the gateway's spool with 1, 32 and 128 concurrent appenders of 600-byte events:
//   node dist/test/bench/spool.js [seconds per run, default 2] [folder, default a temporary one]
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#libs/kernel/clock.js';
import type { Identity } from '#libs/contracts/identity.js';
import { newId } from '#libs/kernel/uuid.js';
import type { EventLogProducer } from '#libs/event-log/port.js';
import { nodeFiles } from '../../apps/gateway/src/spool/spool-files.js';
import { SEGMENT_HEADER_BYTES } from '../../apps/gateway/src/spool/spool-layout.js';
import { openSpool } from '../../apps/gateway/src/spool/open-spool.js';
import type { DraftEvent, Spool } from '../../apps/gateway/src/spool/spool.js';

const seconds = Number(process.argv[2] ?? 2);
const folder = process.argv[3] ?? (await mkdtemp(path.join(tmpdir(), 'countersign-spool-')));

/** Acknowledges after a millisecond or two, as both event logs do: what is measured is the spool. */
const producer: EventLogProducer = {
  append: () => new Promise((resolve) => setTimeout(resolve, 1)),
  queuedBytes: 0,
  close: () => Promise.resolve(),
};

let groups = 0;
let diskMs = 0;
const { spool } = await openSpool({
  folder: path.join(folder, 'spool'),
  tenant: 'default',
  signingKey: { keyId: '0'.repeat(16), privateKey: generateKeyPairSync('ed25519').privateKey },
  producerFactory: () => Promise.resolve(producer),
  clock: systemClock,
  newId,
  logger: { info: () => undefined, warn: console.error, error: console.error },
  metrics: {
    groupWritten: (_events, _bytes, milliseconds) => {
      groups += 1;
      diskMs += milliseconds;
    },
    drained: () => undefined,
    drainFailed: () => undefined,
  },
});

const identity: Identity = {
  name: 'alice',
  kind: 'human',
  issuer: 'https://idp.example',
  subject: 'alice',
  groups: ['engineering'],
};
const sessionId = newId();

/** About 600 bytes once encoded. Ends nothing, so that the spool's own book-keeping stays small. */
const draft = (): DraftEvent => ({
  topic: 'statements',
  key: spool.state().producer,
  signed: false,
  event: {
    id: newId(),
    type: 'statement.prepared',
    schemaVersion: 1,
    time: '2026-01-01T00:00:00.000Z',
    sessionId,
    identity,
    statement: { text: 'select '.padEnd(150, '1+'), bytes: 150, kind: 'SELECT' },
  },
});

async function run(target: Spool, appenders: number) {
  groups = 0;
  diskMs = 0;
  const latencies: number[] = [];
  const start = performance.now();
  const cpu = process.cpuUsage();
  const end = start + seconds * 1000;
  await Promise.all(
    Array.from(
      { length: appenders },
      () =>
        new Promise<void>((resolve, reject) => {
          const again = (): void => {
            const began = performance.now();
            target.append([draft()], (error) => {
              if (error !== undefined) return reject(error);
              const now = performance.now();
              latencies.push(now - began);
              if (now < end) again();
              else resolve();
            });
          };
          again();
        }),
    ),
  );
  const elapsed = performance.now() - start;
  const used = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    `${((latencies[Math.floor(latencies.length * share)] ?? 0) * 1000).toFixed(0)} µs`;
  console.log(
    `${String(appenders).padStart(4)} appenders: ${((latencies.length / elapsed) * 1000).toFixed(0).padStart(7)}/s,` +
      ` p50 ${at(0.5)}, p99 ${at(0.99)}, ${(latencies.length / groups).toFixed(1)} events a group,` +
      ` ${((diskMs / groups) * 1000).toFixed(0)} µs a durable write,` +
      ` ${((used.user + used.system) / latencies.length).toFixed(1)} µs CPU an event`,
  );
}

/** What one durable write of a group of one costs without any spool: the floor for one appender. */
async function bare(): Promise<void> {
  const file = path.join(folder, 'bare');
  await nodeFiles.createSegment(file, Buffer.alloc(SEGMENT_HEADER_BYTES), 16 << 20);
  const descriptor = await nodeFiles.openForAppend(file);
  const bytes = Buffer.alloc(704, 'x');
  const latencies: number[] = [];
  for (const end = performance.now() + seconds * 500; performance.now() < end;) {
    const began = performance.now();
    const at = SEGMENT_HEADER_BYTES + (latencies.length % 20_000) * bytes.length;
    await new Promise<void>((resolve, reject) => {
      nodeFiles.writeDurably(descriptor, bytes, bytes.length, at, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    latencies.push(performance.now() - began);
  }
  await nodeFiles.close(descriptor);
  latencies.sort((a, b) => a - b);
  console.log(
    `bare durable write: p50 ${((latencies[Math.floor(latencies.length / 2)] ?? 0) * 1000).toFixed(0)} µs`,
  );
}

for (let round = 0; round < 3; round += 1) {
  await bare();
  for (const appenders of [1, 32, 128]) await run(spool, appenders);
}
await spool.close(10_000);
await rm(folder, { recursive: true, force: true });
