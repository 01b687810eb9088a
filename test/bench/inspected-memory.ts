import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of a process, in KiB. */
export interface Memory {
  /** As the system counts it: what was freed and not given back is still in it. */
  readonly resident: number;
  /** What is reachable: JavaScript's heap and the buffers outside it. TLS state and sockets are not in it. */
  readonly reachable: number;
}

/**
 * The memory of a Node process that was started with `--inspect=127.0.0.1:<port>`, after it has collected its garbage.
 * On Linux only.
 */
export async function inspectedMemory(pid: number, port: number): Promise<Memory> {
  const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [page] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(page?.webSocketDebuggerUrl ?? '');
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
  });
  const ask = (method: string, params: object = {}): Promise<{ result?: { value?: number } }> =>
    new Promise((resolve) => {
      socket.addEventListener(
        'message',
        ({ data }) => {
          resolve((JSON.parse(String(data)) as { result: { result?: { value?: number } } }).result);
        },
        { once: true },
      );
      socket.send(JSON.stringify({ id: 1, method, params }));
    });
  // Buffers are let go by finalizers, which run after the collection that found them.
  for (let times = 0; times < 3; times += 1) {
    await ask('HeapProfiler.collectGarbage');
    await sleep(200);
  }
  const { result } = await ask('Runtime.evaluate', {
    expression: '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())',
  });
  socket.close();
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]),
    reachable: Math.round((result?.value ?? NaN) / 1024),
  };
}
