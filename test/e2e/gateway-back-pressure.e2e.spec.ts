import { readFile } from 'node:fs/promises';
import { connect as tlsConnect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePassword } from '#libs/pg-wire/authentication.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import { writeStartupMessage } from '#libs/pg-wire/startup-packet.js';
import { GatewayRig } from '../faults/gateway-rig.js';
import { report } from '../faults/report.js';

/** The long form, a gigabyte: COUNTERSIGN_RESULT_MB=1024 npm test -- test/e2e/gateway-back-pressure */
const RESULT_MB = Number(process.env['COUNTERSIGN_RESULT_MB'] ?? 192);

/** What the gateway may grow by while its client reads nothing, in MiB: the result itself is far above it. */
const STUCK_MB = 96;

/** And while it flows: buffers that were passed on and that Node's collector has not come to yet. */
const FLOWING_MB = 192;

const residentMb = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

describe('a large result', () => {
  it('through a client that stops reading leaves the memory of the gateway flat, and comes whole', async () => {
    if (process.platform !== 'linux') return report('SKIPPED: resident memory is read from /proc');
    const rig = await GatewayRig.start();
    try {
      const { pid } = await rig.startGateway();
      const password = await rig.token();
      const socket = tlsConnect({
        port: rig.port,
        host: 'localhost',
        ca: rig.ca,
        ALPNProtocols: ['postgresql'],
      });
      socket.on('error', () => undefined);
      const heard: Buffer[] = [];
      const login = (chunk: Buffer): void => void heard.push(chunk);
      socket.on('data', login);
      socket.write(
        writeStartupMessage([
          ['user', 'alice'],
          ['database', 'shop'],
        ]),
      );
      while (heard.length === 0) await sleep(20);
      socket.write(writePassword(password));
      while (Buffer.concat(heard).subarray(-6, -5).toString() !== 'Z') await sleep(20);
      socket.off('data', login);

      const before = await residentMb(pid as number);
      socket.write(writeQuery(`SELECT repeat('x', 1000) FROM generate_series(1, ${RESULT_MB * 1024})`));
      socket.pause();
      let most = before;
      let bytes = 0;
      let tail = Buffer.alloc(0);
      const watch = setInterval(() => {
        void residentMb(pid as number).then((mb) => (most = Math.max(most, mb)));
      }, 100);
      // Nothing is read at first: whatever the target sends has nowhere to go but the gateway's memory.
      await sleep(3_000);
      const stuck = await residentMb(pid as number);
      await new Promise<void>((resolve) => {
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          tail = Buffer.concat([tail.subarray(-6), chunk.subarray(-6)]);
          if (tail.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) resolve();
        });
        socket.resume();
      });
      clearInterval(watch);
      socket.destroy();
      report(
        `${RESULT_MB} MB result: resident ${before.toFixed(0)} MiB before, ${stuck.toFixed(0)} MiB stuck, ${most.toFixed(0)} MiB at most`,
      );
      expect(bytes).toBeGreaterThan(RESULT_MB * 1024 * 1000);
      expect(stuck - before).toBeLessThan(STUCK_MB);
      expect(most - before).toBeLessThan(FLOWING_MB);
    } finally {
      await rig.dispose();
    }
  }, 600_000);
});
