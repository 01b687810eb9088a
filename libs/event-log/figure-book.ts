import type { EventLogFigures, GroupFigures } from './port.js';
import type { SerialProducer } from './serial-producer.js';

interface Reader {
  figures(): GroupFigures;
}

/** Keeps who produces and reads through one event log, and what those counted that are closed. */
export class FigureBook {
  private readonly producers = new Set<SerialProducer>();
  private readonly readers = new Set<Reader>();
  private closedRetries = 0;
  private readonly closedRebalances = new Map<string, number>();

  addProducer(producer: SerialProducer): void {
    this.producers.add(producer);
  }

  removeProducer(producer: SerialProducer): void {
    if (this.producers.delete(producer)) this.closedRetries += producer.retries;
  }

  addReader(reader: Reader): void {
    this.readers.add(reader);
  }

  removeReader(reader: Reader): void {
    if (!this.readers.delete(reader)) return;
    const { group, rebalances } = reader.figures();
    this.closedRebalances.set(group, (this.closedRebalances.get(group) ?? 0) + rebalances);
  }

  figures(): EventLogFigures {
    const producers = [...this.producers];
    const sum = (of: (producer: SerialProducer) => number): number =>
      producers.reduce((total, producer) => total + of(producer), 0);
    const groups = new Map<string, GroupFigures>();
    for (const [group, rebalances] of this.closedRebalances)
      groups.set(group, { group, rebalances, partitions: [] });
    for (const { group, rebalances, partitions } of [...this.readers].map((reader) => reader.figures())) {
      const before = groups.get(group);
      groups.set(group, {
        group,
        rebalances: rebalances + (before?.rebalances ?? 0),
        partitions: [...(before?.partitions ?? []), ...partitions],
      });
    }
    return {
      queuedRecords: sum(({ queuedRecords }) => queuedRecords),
      queuedBytes: sum(({ queuedBytes }) => queuedBytes),
      retries: this.closedRetries + sum(({ retries }) => retries),
      groups: [...groups.values()],
    };
  }
}
