import type { SigningKey } from '#libs/contracts/event-signature.js';
import type { EventLogProducer } from '#libs/event-log/port.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { Logger } from '#libs/observability/logger.js';
import type { SpoolFiles } from './spool-files.js';

export const DEFAULT_MAX_BYTES = 1 << 30;
export const DEFAULT_SEGMENT_BYTES = 16 << 20;

/** Below these a spool cannot hold one record and its closing. */
export const MIN_MAX_BYTES = 4 << 20;
export const MIN_SEGMENT_BYTES = 64 << 10;

export interface SpoolOptions {
  /** Made (0700) when absent. One spool a folder, for ever; never restore one from a copy. */
  readonly folder: string;
  readonly tenant: string;
  readonly signingKey: SigningKey;
  /** Called when there is something to drain, and again after the producer failed. */
  readonly producerFactory: () => Promise<EventLogProducer>;
  /** Bound of what is not yet in the event log, in bytes (COUNTERSIGN_SPOOL_MAX_BYTES); default 1 GiB. */
  readonly maxBytes?: number;
  /** Size of a preallocated segment, in bytes; default 16 MiB. */
  readonly segmentBytes?: number;
  /** How long an append that waits for the event log may wait, ms; default 10 s. */
  readonly replicationLimitMs?: number;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics?: SpoolMetrics;
  /** The file system; tests make it fail. */
  readonly files?: SpoolFiles;
}

/** Told what happens, on the hot path: must not throw and must be cheap. */
export interface SpoolMetrics {
  /** One durable write: how many events and bytes it carried, and how long it took. */
  groupWritten(events: number, bytes: number, milliseconds: number): void;
  /** Events that the event log has acknowledged. */
  drained(events: number): void;
  /** The event log could not be reached or gave up; the drain tries again. */
  drainFailed(): void;
}

/** What openSpool found and wrote before it resolved. */
export interface RecoveryReport {
  readonly producer: string;
  /** True when the folder held no spool before. */
  readonly created: boolean;
  /** Events found in the retained segments, drained or not. */
  readonly eventsScanned: number;
  /** Bytes of an unfinished write that were cut off the end. */
  readonly tornBytes: number;
  /** Outcomes written for intents that had none. */
  readonly outcomes: Readonly<Record<'unknown' | 'cancelled' | 'refused' | 'completed' | 'failed', number>>;
  /** Reviews that were asked and not concluded, and are now. */
  readonly reviewsConcluded: number;
  readonly sessionsClosed: number;
}
