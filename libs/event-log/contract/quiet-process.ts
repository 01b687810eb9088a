import { spawn } from 'node:child_process';

const PROGRAM = `
  const { openEventLog } = await import('#libs/event-log/open-event-log.js');
  const { readEventLogSettings } = await import('#libs/event-log/settings.js');
  const { pino } = await import('pino');
  const log = await openEventLog(readEventLogSettings(process.env), {
    applicationName: 'quiet', logger: pino({ level: 'silent' }),
  });
  await log.ensureTopics();
  const producer = await log.producer();
  const at = { topic: 'control', partition: 0 };
  const onFatal = (error) => { throw error; };
  let seen = 0;
  const handled = new Promise((resolve) => {
    const count = () => { seen += 1; if (seen === 2) resolve(); };
    void log.tail({ ...at, reader: 'quiet', from: 'start', onRecord: count, onFatal });
    void log.consume({ group: 'quiet', topics: ['control'], onFatal, handler: {
      claim: async () => 0n, handle: async () => { count(); return 'stored'; } } });
  });
  await producer.append([{ ...at, key: 'k', value: Buffer.from('v') }]);
  await handled;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await log.close();
`;

/**
 * Uses the event log in a process of its own (from dist), closes it, and tells what the process said on
 * stderr, where Node prints its warnings, and how it ended: by itself, or 'hung' after 90 s.
 */
export function runQuietly(
  environment: Readonly<Record<string, string>>,
): Promise<{ stderr: string; ended: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
      env: { PATH: process.env['PATH'] ?? '', ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), 90_000);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ stderr, ended: signal === null ? String(code) : 'hung' });
    });
  });
}
