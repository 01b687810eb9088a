import { sha256 } from '#libs/kernel/hash.js';

/**
 * The topics and their partitions. Partitions never grow in place: the number decides which chain of
 * the ledger a key belongs to, for ever. A deployment that needs more starts a new installation
 * (prefix) beside the old one.
 */
export const TOPICS = {
  /** key: producer. Sessions, intents and outcomes: gateways to audit. */
  statements: { partitions: 4 },
  /** key: request id. Review asked, cancelled, released, concluded: gateways to approvals and audit. */
  requests: { partitions: 4 },
  /** key: gateway id. Signed decisions: approvals to that gateway and audit. */
  decisions: { partitions: 4 },
  /** key: request id. The aggregate's events: approvals to audit. */
  approvals: { partitions: 4 },
  /** key: what is configured. Policy and configuration, kept for ever: approvals to all. */
  control: { partitions: 1 },
} as const satisfies Record<string, { partitions: number }>;

export type Topic = keyof typeof TOPICS;

export const TOPIC_NAMES = Object.keys(TOPICS) as Topic[];

/** The partition of a key: the first four bytes of its SHA-256, big-endian, modulo the partitions. */
export const partitionOf = (topic: Topic, key: string): number =>
  sha256(Buffer.from(key, 'utf8')).readUInt32BE(0) % TOPICS[topic].partitions;

/** The largest record either event log takes, in bytes. A record above it is refused before it is queued. */
export const MAX_RECORD_BYTES = 1_000_000;

/** The largest statement text that stands inside its intent; longer texts go before it in chunks. */
export const MAX_INLINE_TEXT_BYTES = 65_536;
