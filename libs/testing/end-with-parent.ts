import { spawn } from 'node:child_process';

/** Waits for the end of its input, which is the end of whoever holds the other side. */
const WATCH = `cat > /dev/null
kill -INT "$1" 2> /dev/null
tries=0
while kill -0 "$1" 2> /dev/null && [ $tries -lt 200 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$1" 2> /dev/null
[ -n "$2" ] && rm -rf "$2"
exit 0`;

/**
 * Ends a process that this one has started when this one is gone, however it went: a test whose set-up fails
 * or that is killed calls no dispose. `folder` is deleted then. A shell holds a pipe of ours, so nothing has
 * to run here; it ends with `exited`. Not on Windows.
 */
export function endWithParent(pid: number, exited: Promise<unknown>, folder = ''): void {
  if (process.platform === 'win32') return;
  const watch = spawn('/bin/sh', ['-c', WATCH, 'end-with-parent', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watch.on('error', () => undefined);
  watch.unref();
  (watch.stdin as unknown as { unref(): void }).unref();
  const over = (): void => void watch.kill('SIGKILL');
  void exited.then(over, over);
}
