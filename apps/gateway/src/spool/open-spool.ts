import { CodedError } from '#libs/kernel/coded-error.js';
import { closingsOf, type Closing } from './closing-events.js';
import { DurableSpool, type SpoolStart } from './durable-spool.js';
import { OpenItems } from './open-items.js';
import { readSpool, type StoredSpool } from './read-spool.js';
import { repairTail } from './repair-tail.js';
import { Sequences } from './sequences.js';
import { nodeFiles } from './spool-files.js';
import { SEGMENT_HEADER_BYTES } from './spool-layout.js';
import { lockSpool } from './spool-lock.js';
import {
  DEFAULT_MAX_BYTES,
  DEFAULT_SEGMENT_BYTES,
  MIN_MAX_BYTES,
  MIN_SEGMENT_BYTES,
  type RecoveryReport,
  type SpoolOptions,
} from './spool-options.js';
import type { Spool } from './spool.js';

/**
 * Opens the spool in a folder, or makes one. When it resolves, this process alone holds the spool; every
 * event that was ever called back as durable is in it; and whatever the last process left open has its
 * end, durable too. Rejects with a CodedError of one line: SPOOL_LOCKED (another process has it),
 * SPOOL_DAMAGED (names file and offset; nothing was changed), SPOOL_FOREIGN (another tenant's),
 * SPOOL_FULL or SPOOL_BROKEN (the disk does not take what must be written).
 */
export async function openSpool(options: SpoolOptions): Promise<{ spool: Spool; recovered: RecoveryReport }> {
  const bounds = boundsOf(options);
  const files = options.files ?? nodeFiles;
  await files.makeFolder(options.folder);
  const lock = await lockSpool(options.folder);
  let spool: DurableSpool | undefined;
  try {
    const { stored, unused } = await readSpool(files, options.folder);
    if (stored !== undefined && stored.tenant !== options.tenant)
      throw new CodedError(
        'SPOOL_FOREIGN',
        `the spool in ${options.folder} belongs to tenant ${stored.tenant}`,
      );
    for (const file of unused) await files.remove(file);
    if (stored !== undefined) await repairTail(files, stored.repair);
    const start = stored === undefined ? emptySpool(options.newId()) : startAfter(stored);
    const closings = closingsOf(start.open.snapshot(), {
      producer: start.producer,
      newId: options.newId,
      time: () => new Date(options.clock.now()).toISOString(),
    });
    spool = new DurableSpool(options, files, lock, start, bounds);
    await spool.begin(closings);
    spool.startDrain();
    const recovered = reportOf(start.producer, stored, closings);
    options.logger.info({ folder: options.folder, ...recovered }, 'the spool is open');
    return { spool, recovered };
  } catch (error) {
    await (spool === undefined ? lock.release() : spool.abandon());
    throw error;
  }
}

function boundsOf({ maxBytes = DEFAULT_MAX_BYTES, segmentBytes = DEFAULT_SEGMENT_BYTES }: SpoolOptions) {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < MIN_MAX_BYTES)
    throw new RangeError(`a spool needs at least ${MIN_MAX_BYTES} bytes, not ${maxBytes}`);
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > 1 << 30)
    throw new RangeError(`a segment has ${MIN_SEGMENT_BYTES} bytes to 1 GiB, not ${segmentBytes}`);
  return { maxBytes, segmentBytes };
}

const emptySpool = (producer: string): SpoolStart => ({
  producer,
  segments: [],
  nextSegment: 0,
  sequences: new Sequences(),
  open: new OpenItems(),
  appended: { events: 0, bytes: 0 },
  drained: { segment: 0, offset: SEGMENT_HEADER_BYTES, events: 0, bytes: 0 },
});

const startAfter = (stored: StoredSpool): SpoolStart => ({
  producer: stored.producer,
  segments: stored.segments,
  nextSegment: stored.repair.segment.number + 1,
  sequences: stored.sequences,
  open: stored.open,
  appended: stored.appended,
  drained: stored.drained,
});

function reportOf(
  producer: string,
  stored: StoredSpool | undefined,
  closings: readonly Closing[],
): RecoveryReport {
  const outcomes = { unknown: 0, cancelled: 0, refused: 0, completed: 0, failed: 0 };
  for (const { outcome } of closings) if (outcome !== undefined) outcomes[outcome] += 1;
  return {
    producer,
    created: stored === undefined,
    eventsScanned: stored?.eventsScanned ?? 0,
    tornBytes: stored?.repair.tornBytes ?? 0,
    outcomes,
    reviewsConcluded: closings.filter((closing) => closing.reviewConcluded).length,
    sessionsClosed: closings.filter((closing) => closing.sessionClosed).length,
  };
}
