import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { GatewayRig } from './gateway-rig.js';
import { GatewayTraffic } from './gateway-traffic.js';
import { report } from './report.js';
import { executedOf, gaps, recordedOf, unfinished, unrecorded } from './executed-and-recorded.js';

/**
 * A power cut, as a file system sees it: the spool lies on an image of its own; while the gateway is frozen
 * under load the image is copied, and the copy is mounted, so that its journal is replayed and everything
 * that no sync had reached is gone. Needs root and loop devices: COUNTERSIGN_POWER_CUTS=5 npm test -- test/faults/power-cut
 */
const CUTS = Number(process.env['COUNTERSIGN_POWER_CUTS'] ?? 0);

const run = promisify(execFile);

const mounted: string[] = [];

async function mount(image: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await run('mount', ['-o', 'loop', image, folder]);
  mounted.push(folder);
  return folder;
}

async function unmountAll(): Promise<void> {
  for (const folder of mounted.splice(0)) await run('umount', ['-l', folder]);
}

describe('a power cut', () => {
  if (CUTS === 0) {
    report('SKIPPED: the power cut needs root and loop devices; COUNTERSIGN_POWER_CUTS=5 runs it');
    it.skip('loses no record of what the target executed', () => undefined);
    return;
  }

  it.each(Array.from({ length: CUTS }, (_, cut) => cut + 1))(
    'loses no record of what the target executed (%i)',
    async () => {
      const rig = await GatewayRig.start();
      try {
        const image = path.join(rig.folder, 'spool.img');
        await run('truncate', ['-s', '256M', image]);
        await run('mkfs.ext4', ['-q', image]);
        const disk = await mount(image, path.join(rig.folder, 'disk'));
        await rig.startGateway({ COUNTERSIGN_GATEWAY_SPOOL: path.join(disk, 'spool') });
        const traffic = new GatewayTraffic(rig, await rig.token());
        traffic.begin(3);
        await traffic.progress(200 + Math.floor(Math.random() * 500));

        await rig.freezeGateway();
        const copy = path.join(rig.folder, 'copy.img');
        await copyFile(image, copy);
        const stopping = traffic.stop();
        await rig.signalGateway('SIGKILL');
        await stopping;

        const survived = await mount(copy, path.join(rig.folder, 'survived'));
        await rig.startGateway({ COUNTERSIGN_GATEWAY_SPOOL: path.join(survived, 'spool') });
        await rig.signalGateway('SIGTERM');

        const executed = await executedOf(rig.targetLog());
        const events = await rig.events();
        expect(unrecorded(executed, recordedOf(events))).toEqual([]);
        expect(unfinished(events)).toEqual([]);
        expect(gaps(events)).toEqual([]);
        report(`power cut: ${executed.length} executed, ${recordedOf(events).length} recorded`);
      } finally {
        await unmountAll();
        await rig.dispose();
      }
    },
    300_000,
  );
});
