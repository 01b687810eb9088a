import { readFile } from 'node:fs/promises';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';

/** Of /proc/<pid>/stat: USER_HZ, which is 100 on every Linux. */
const TICKS_PER_SECOND = 100;

/** User and system time of every process of the server, in seconds, where the system tells (Linux); else NaN. */
export async function serverCpuSeconds(query: BulkQuery): Promise<number> {
  const processes = await query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
  const ticks = await Promise.all(
    processes.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    }),
  );
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}
