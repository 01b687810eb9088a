import { execFileSync, spawn } from 'node:child_process';
import { pino } from 'pino';
import { eventually } from '#libs/testing/eventually.js';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { LedgerDouble } from '../contract/ledger-double.js';
import { installKafka } from './kafka-installation.js';

const hasKcat = (): boolean => {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('LEFT OUT, needs kcat: batches that a foreign producer compressed\n');
    return false;
  }
};

await describeWithKafka('a foreign producer', (kafka) => {
  (hasKcat() ? it.each(['zstd', 'lz4', 'snappy', 'gzip']) : it.skip.each(['any']))(
    'that compresses by %s does not stop a consumer, though its client reads gzip only',
    async (codec) => {
      const installation = installKafka(kafka(), pino({ level: 'silent' }));
      const log = await installation.open();
      await log.ensureTopics();
      const ledger = new LedgerDouble();
      const fatal: Error[] = [];
      const member = await log.consume({
        group: 'audit',
        topics: ['requests'],
        handler: ledger.member('a'),
        onFatal: (error) => void fatal.push(error),
      });
      const { brokers, topicPrefix } = installation.settings;
      const lines = Array.from({ length: 200 }, (_, i) => `${codec} ${i} ${'x'.repeat(200)}`);
      await new Promise<void>((resolve, reject) => {
        const kcat = spawn(
          'kcat',
          ['-P', '-b', brokers.join(','), '-t', `${topicPrefix}requests`, '-p', '1', '-z', codec],
          { stdio: ['pipe', 'ignore', 'inherit'] },
        );
        kcat.once('error', reject);
        kcat.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`kcat ended with ${code}`))));
        kcat.stdin.end(`${lines.join('\n')}\n`);
      });
      await eventually(() => expect(ledger.total).toBe(200), 30_000);
      expect(ledger.values({ topic: 'requests', partition: 1 })).toEqual(lines);
      expect(fatal).toEqual([]);
      await member.stop();
      await installation.dispose();
    },
    60_000,
  );
});
