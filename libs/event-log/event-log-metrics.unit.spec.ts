import { createRegistry } from '#libs/observability/metrics.js';
import { registerEventLogMetrics } from './event-log-metrics.js';
import type { EventLogFigures } from './port.js';

describe('the metrics of the event log', () => {
  it('say what the figures say, each time they are asked', async () => {
    let figures: EventLogFigures = {
      queuedRecords: 3,
      queuedBytes: 700,
      retries: 2,
      groups: [
        {
          group: 'audit',
          rebalances: 4,
          partitions: [
            { topic: 'requests', partition: 2, lag: 9, waitingSince: Date.now() - 60_000 },
            { topic: 'requests', partition: 3, lag: 0, waitingSince: undefined },
          ],
        },
      ],
    };
    const registry = createRegistry('test');
    registerEventLogMetrics(registry, { figures: () => figures });
    const text = async (): Promise<string> =>
      (await registry.metrics()).replaceAll('service="test",', '').replaceAll(',service="test"', '');
    const first = await text();
    expect(first).toContain('countersign_event_log_producer_queue_records{service="test"} 3');
    expect(first).toContain('countersign_event_log_producer_queue_bytes{service="test"} 700');
    expect(first).toContain('countersign_event_log_producer_retries_total{service="test"} 2');
    expect(first).toContain('countersign_event_log_rebalances_total{group="audit"} 4');
    expect(first).toContain(
      'countersign_event_log_consumer_lag_records{group="audit",topic="requests",partition="2"} 9',
    );
    expect(first).toMatch(/countersign_event_log_oldest_waiting_seconds\{group="audit"\} 60/);
    figures = { queuedRecords: 0, queuedBytes: 0, retries: 5, groups: [] };
    const second = await text();
    expect(second).toContain('countersign_event_log_producer_retries_total{service="test"} 5');
    expect(second).not.toContain('group="audit"');
  });
});
