import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { collect } from '#libs/event-log/contract/collect.js';
import type { EventLog, TopicPartition } from '#libs/event-log/port.js';

const run = promisify(execFile);

/** Whether kcat, a reader that shares no code with ours, is there. */
export const hasKcat = (): Promise<boolean> =>
  run('kcat', ['-V']).then(
    () => true,
    () => false,
  );

/** The values of partitions 0 to n-1, one partition after the other: by kcat where it is there, else by a tail. */
export async function readBack(
  where: { readonly brokers: string; readonly prefix: string; readonly log: EventLog },
  topic: TopicPartition['topic'],
  partitions: number,
): Promise<{ values: string[]; reader: 'kcat' | 'tail' }> {
  const kcat = await hasKcat();
  const values: string[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const end = await where.log.endOffset({ topic, partition });
    if (end === 0n) continue;
    if (!kcat) {
      const found = await collect(where.log, { topic, partition }, Number(end));
      values.push(...found.map(({ value }) => String(value)));
      continue;
    }
    const { stdout } = await run(
      'kcat',
      // prettier-ignore
      ['-C', '-q', '-e', '-b', where.brokers, '-t', `${where.prefix}${topic}`, '-p', String(partition), '-o', 'beginning', '-f', '%s\n'],
      { maxBuffer: 256 * 1024 * 1024 },
    );
    values.push(...stdout.split('\n').slice(0, -1));
  }
  return { values, reader: kcat ? 'kcat' : 'tail' };
}
