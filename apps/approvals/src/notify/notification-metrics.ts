import { z } from 'zod';
import { Gauge, type Registry } from '#libs/observability/metrics.js';
import { sql, type DatabasePool } from '#libs/postgres/pool.js';

/** What waits to be told by webhook and e-mail, as an operator watches it. */
export function registerNotificationMetrics(registry: Registry, pool: DatabasePool): void {
  new Gauge({
    name: 'countersign_notifications_oldest_waiting_seconds',
    help: 'Age of the oldest notification by webhook or e-mail that was not taken yet',
    labelNames: ['channel'],
    registers: [registry],
    async collect() {
      this.reset();
      const rows = await pool.any(sql.type(z.object({ channel: z.string(), age: z.number() }))`
        SELECT channel, coalesce(extract(epoch FROM now() - min(created_at)
          FILTER (WHERE delivered_at IS NULL AND given_up_at IS NULL)), 0)::float8 AS age
        FROM approvals.notifications WHERE created_at > now() - interval '8 days' GROUP BY channel`);
      for (const { channel, age } of rows) this.set({ channel }, age);
    },
  });
}
