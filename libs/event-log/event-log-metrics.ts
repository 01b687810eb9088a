import { Counter, Gauge, type Registry } from '#libs/observability/metrics.js';
import type { EventLog, EventLogFigures } from './port.js';

/** Puts what an operator watches of the event log into the process's metrics; read when they are asked for. */
export function registerEventLogMetrics(registry: Registry, log: Pick<EventLog, 'figures'>): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: (figures: EventLogFigures) => number): void =>
    void new Gauge({
      name: `countersign_event_log_${name}`,
      help,
      registers,
      collect() {
        this.set(read(log.figures()));
      },
    });
  gauge(
    'producer_queue_records',
    'Records handed to the event log and not acknowledged',
    ({ queuedRecords }) => queuedRecords,
  );
  gauge(
    'producer_queue_bytes',
    'Bytes handed to the event log and not acknowledged',
    ({ queuedBytes }) => queuedBytes,
  );
  new Counter({
    name: 'countersign_event_log_producer_retries_total',
    help: 'Batches that the event log did not take and that were sent again',
    registers,
    collect() {
      this.reset();
      this.inc(log.figures().retries);
    },
  });
  new Counter({
    name: 'countersign_event_log_rebalances_total',
    help: 'How often the partitions of a consumer group were assigned anew',
    labelNames: ['group'],
    registers,
    collect() {
      this.reset();
      for (const { group, rebalances } of log.figures().groups) this.inc({ group }, rebalances);
    },
  });
  new Gauge({
    name: 'countersign_event_log_consumer_lag_records',
    help: 'Records in the event log that this member has not stored, by partition it holds',
    labelNames: ['group', 'topic', 'partition'],
    registers,
    collect() {
      this.reset();
      for (const { group, partitions } of log.figures().groups)
        for (const { topic, partition, lag } of partitions) this.set({ group, topic, partition }, lag);
    },
  });
  new Gauge({
    name: 'countersign_event_log_oldest_waiting_seconds',
    help: 'Age of the oldest record that this member has not stored; in group audit: that is not sealed',
    labelNames: ['group'],
    registers,
    collect() {
      this.reset();
      for (const { group, partitions } of log.figures().groups) {
        const since = partitions.flatMap(({ waitingSince }) => waitingSince ?? []);
        const age = since.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...since)) / 1_000;
        this.set({ group }, age);
      }
    },
  });
}
