import type { EventLog, LogRecord, TopicPartition } from '../port.js';

/** Reads a partition by a tail until it holds `count` records, and a little longer, in case there are more. */
export async function collect(
  log: EventLog,
  at: TopicPartition,
  count: number,
  from: 'start' | bigint = 'start',
  reader = 'collect',
): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  let failure: Error | undefined;
  let enough: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (enough = resolve));
  if (count === 0) enough();
  const tail = await log.tail({
    ...at,
    reader,
    from,
    onRecord: (record) => {
      found.push(record);
      if (found.length >= count) enough();
    },
    onFatal: (error) => {
      failure = error;
      enough();
    },
  });
  const timer = setTimeout(() => {
    failure = new Error(`${found.length} of ${count} records after 15 s`);
    enough();
  }, 15_000);
  await all;
  clearTimeout(timer);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await tail.stop();
  if (failure !== undefined) throw failure;
  return found;
}
