import { randomBytes } from 'node:crypto';
import { newId } from '#libs/kernel/uuid.js';
import { leafHash, nodeHash, payloadCommitment } from '#libs/tlog/hashing.js';
import { CompactRange } from '#libs/tlog/compact-range.js';
import type { LogRecord } from '#libs/event-log/port.js';
import type { ChainState } from '../../apps/audit/src/ingest/chain-state.js';
import { sealBatch, type SealedEntry } from '../../apps/audit/src/ingest/seal-batch.js';

const PAYLOAD_BYTES = 600;

/** Events of 600 bytes as a gateway writes them: one producer, 32 sessions, one statement each. */
export function benchEvents(count: number): Buffer[] {
  const producer = newId();
  const sessions = Array.from({ length: 32 }, newId);
  return Array.from({ length: count }, (_, seq) => {
    const event = {
      id: newId(),
      type: seq % 2 === 0 ? 'statement.intent-recorded' : 'statement.outcome-recorded',
      schemaVersion: 1,
      time: new Date().toISOString(),
      tenant: 'default',
      producer,
      producerSeq: seq,
      sessionId: sessions[seq % sessions.length],
      identity: {
        name: `person${seq % 8}`,
        kind: 'human',
        issuer: 'https://idp.example',
        subject: `person${seq % 8}`,
        groups: ['dba'],
      },
      text: '',
    };
    const missing = PAYLOAD_BYTES - Buffer.byteLength(JSON.stringify(event));
    return Buffer.from(JSON.stringify({ ...event, text: 'x'.repeat(Math.max(missing, 0)) }));
  });
}

export const asRecords = (events: readonly Buffer[], from = 0): LogRecord[] =>
  events.map((value, index) => ({
    topic: 'statements',
    partition: 0,
    offset: BigInt(from + index),
    key: null,
    value,
    appendedAt: 0,
    leaderEpoch: 0,
  }));

/** The rows that sealing these events makes, from seq `size` on: what the plain ways are given ready-made. */
export function sealedRows(
  events: readonly Buffer[],
  size: bigint,
): { rows: readonly SealedEntry[]; recordedAt: bigint } {
  const state: ChainState = {
    chain: 1,
    name: 'statements/0',
    chainId: newId(),
    epoch: 1n,
    size,
    head: Buffer.alloc(32),
    tree: { range: CompactRange.empty(), partialTiles: [] },
    recordedAt: 0n,
    source: { cluster: newId(), topicId: newId(), partition: 0 },
    nextOffset: 0n,
    leaderEpoch: -1,
    producers: new Map(),
  };
  const recordedAt = BigInt(Date.now()) * 1000n;
  const { entries } = sealBatch(state, asRecords(events, Number(size)), {
    tenant: 'default',
    now: recordedAt,
    salt: () => randomBytes(32),
    sealed: new Map(),
  });
  return { rows: entries, recordedAt };
}

/** Seconds that the hashing of these events takes alone: payload, leaf, and a node for each. */
export function hashingSeconds(events: readonly Buffer[]): number {
  const salt = randomBytes(32);
  const entry = randomBytes(330);
  const node = randomBytes(32);
  const begin = process.cpuUsage();
  for (const payload of events) {
    payloadCommitment(salt, payload);
    leafHash(entry);
    nodeHash(node, node);
    nodeHash(node, node);
  }
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1e6;
}
