// A process that appends to a spool as fast as it may, until it is killed; the spool's kill tests start it:
//   node dist/test/faults/spool-appender.js <folder> [hold]
// Writes one line to standard output for each append once it is called back as durable: the ids of its
// events. With `hold` it only opens the spool and says so.
import { generateKeyPairSync } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '#libs/kernel/clock.js';
import { newId } from '#libs/kernel/uuid.js';
import { openSpool } from '../../apps/gateway/src/spool/open-spool.js';
import { appended, Drafts, RememberingLog, silent } from '../../apps/gateway/src/spool/temporary-spool.js';

const [folder, mode] = process.argv.slice(2);
if (folder === undefined) throw new Error('a folder is needed');

/** Takes what it is given, but forgets it: what the killed process drained does not count as kept. */
const log = new RememberingLog();
log.away = true;

const { privateKey } = generateKeyPairSync('ed25519');
const { spool } = await openSpool({
  folder,
  tenant: 'default',
  signingKey: { keyId: '0123456789abcdef', privateKey },
  producerFactory: log.factory,
  segmentBytes: 128 << 10,
  clock: systemClock,
  newId,
  logger: silent,
});

const report = (line: string): void => {
  for (let text = Buffer.from(`${line}\n`); text.length > 0;) text = text.subarray(writeSync(1, text));
};

report('open');
if (mode === 'hold') setInterval(() => undefined, 1_000);
else await Promise.all(Array.from({ length: 16 }, () => session()));

async function session(): Promise<void> {
  const drafts = new Drafts(spool);
  const append = async (...events: Parameters<typeof appended>[1][]): Promise<void> => {
    await appended(spool, ...events);
    report(events.map(({ event }) => event.id).join(' '));
  };
  await append(drafts.sessionOpened());
  for (let round = 0; ; round += 1) {
    const intent = drafts.intent(round % 7 === 0 ? 'review' : 'allow', round % 7 === 0 ? newId() : undefined);
    await append(intent);
    if (round % 7 === 0) {
      await append(drafts.asked(intent));
      await append(drafts.released(intent));
      await append(drafts.outcome(intent), drafts.concluded(intent, 'completed'));
    } else {
      await append(drafts.outcome(intent));
    }
  }
}
