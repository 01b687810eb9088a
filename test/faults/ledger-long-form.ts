import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { temporaryKafka } from '#libs/testing/temporary-kafka.js';
import type { FaultSuite, Report } from './fault-suite.js';
import { ledgerChaos, type LedgerChaosPlan } from './ledger-chaos.js';

/** Audit under chaos, for `COUNTERSIGN_CHAOS_SECONDS` (150). Kafka needs its jars (`npm run kafka`, once) and Java. */
export const LEDGER_FAULTS: FaultSuite = {
  'chaos-kafka': async (report) => {
    const broker = await temporaryKafka({ java: await findJava(process.env), home: kafkaHome(process.env) });
    await played('audit under chaos, over Kafka', { broker }, report);
  },
  'chaos-embedded': (report) => played('audit under chaos, over the embedded log', {}, report),
};

async function played(what: string, plan: Partial<LedgerChaosPlan>, report: Report): Promise<void> {
  const seconds = Number(process.env['COUNTERSIGN_CHAOS_SECONDS'] ?? 150);
  const { faults, report: verified, ...numbers } = await ledgerChaos({ seconds, ...plan });
  for (const finding of verified.findings.slice(0, 20)) process.stderr.write(`${JSON.stringify(finding)}\n`);
  report(
    what,
    { seconds, ...faults, ...numbers, verdict: verified.verdict },
    numbers.missing === 0 && numbers.twice === 0 && verified.verdict === 'OK',
  );
}
