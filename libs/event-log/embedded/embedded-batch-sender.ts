import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { byteaArray } from '#libs/postgres/binary-array.js';
import type { Batch, BatchSender } from '../serial-producer.js';
import type { Connection } from './connection.js';
import { isHopelessQuery, isProducerUnknown } from './log-queries.js';
import { isRefusal } from './refusal.js';

const GOODBYE_MS = 1_000;

/**
 * Appends batches through event_log.append. A connection lost at COMMIT leaves the fate of a batch
 * unknown; it is sent again under its number, and the database, which keeps the number of this
 * producer's last batch, writes it only if it is not there.
 */
export class EmbeddedBatchSender implements BatchSender {
  private producer = randomUUID();
  /** The number of the batch that was the first of this `producer`. */
  private base = 0;
  /** An attempt at the current batch ended without an answer. */
  private fateUnknown = false;

  constructor(private readonly connection: Connection) {}

  async open(): Promise<void> {
    await this.connection.query('SELECT event_log.open_producer($1)', [this.producer]);
  }

  async send(batch: Batch): Promise<void> {
    try {
      await this.append(batch);
    } catch (error) {
      // Forgotten after a week of silence. When this batch is certainly not stored, and all before it are
      // acknowledged, a fresh producer may carry on; with an attempt of unknown fate nobody could tell.
      if (!isProducerUnknown(error) || this.fateUnknown) throw error;
      this.producer = randomUUID();
      this.base = batch.number;
      await this.open();
      await this.append(batch);
    }
  }

  isHopeless(error: unknown): boolean {
    return isHopelessQuery(error);
  }

  async close(): Promise<void> {
    const goodbye = this.connection.query('SELECT event_log.close_producer($1)', [this.producer]);
    // The database forgets it by itself, sooner or later: no reason to wait behind a hanging batch.
    await Promise.race([goodbye.catch(() => undefined), sleep(GOODBYE_MS, undefined, { ref: false })]);
    await this.connection.close();
  }

  private async append(batch: Batch): Promise<void> {
    try {
      await this.connection.query('SELECT event_log.append($1, $2, $3, $4, $5, $6)', [
        this.producer,
        batch.number - this.base,
        batch.topic,
        batch.partition,
        byteaArray(batch.records.map(({ key }) => Buffer.from(key, 'utf8'))),
        byteaArray(batch.records.map(({ value }) => value)),
      ]);
      this.fateUnknown = false;
    } catch (error) {
      if (!isRefusal(error)) this.fateUnknown = true;
      throw error;
    }
  }
}
