import { findJava } from '#libs/embedded-kafka/java.js';
import { hasJars } from '#libs/embedded-kafka/jars.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { temporaryKafka, type TemporaryKafka } from './temporary-kafka.js';

export interface KafkaForTests {
  /** host:port,… as KAFKA_BROKERS takes it. Known once the tests run. */
  readonly brokers: string;
  /** The shortest session that the broker allows, in milliseconds. */
  readonly sessionTimeoutMs: number;
  /** The suite's own broker, which it may kill; undefined where KAFKA_TEST_BROKERS names a shared one. */
  readonly own: TemporaryKafka | undefined;
}

type Plan =
  | { readonly kind: 'shared'; readonly brokers: string }
  | { readonly kind: 'own'; readonly java: string; readonly home: string }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * A describe block that needs a real Kafka. KAFKA_TEST_BROKERS names a running one; else one is started
 * for the block from the jars that `npm run kafka` has fetched; else the block is left out, and a line
 * on stderr says so. With COUNTERSIGN_REQUIRE_KAFKA=1 it fails instead of being left out. `ownBroker`:
 * the tests stop and kill the broker, so that a shared one will not do. `startsItself`: the block starts
 * brokers of its own with temporaryKafka. Await it at the top of the file.
 */
export async function describeWithKafka(
  name: string,
  define: (kafka: () => KafkaForTests) => void,
  options: { readonly ownBroker?: boolean; readonly startsItself?: boolean } = {},
): Promise<void> {
  const plan = await planFor(process.env, options.ownBroker ?? false);
  if (plan.kind === 'none') {
    if (process.env['COUNTERSIGN_REQUIRE_KAFKA'] === '1') {
      describe(name, () => {
        it('finds a Kafka to run against', () => {
          throw new Error(`COUNTERSIGN_REQUIRE_KAFKA=1, but ${plan.reason}`);
        });
      });
      return;
    }
    process.stderr.write(`LEFT OUT, needs Kafka: ${name} (${plan.reason})\n`);
    describe.skip(name, () => define(() => notThere()));
    return;
  }
  describe(name, () => {
    let kafka: KafkaForTests | undefined;
    beforeAll(async () => {
      if (options.startsItself === true) return;
      const own = plan.kind === 'own' ? await temporaryKafka(plan) : undefined;
      kafka = {
        brokers: own?.brokers ?? (plan.kind === 'shared' ? plan.brokers : ''),
        sessionTimeoutMs: own === undefined ? 6_000 : 3_000,
        own,
      };
    }, 150_000);
    afterAll(() => kafka?.own?.dispose(), 30_000);
    define(() => kafka ?? notThere());
  });
}

async function planFor(environment: NodeJS.ProcessEnv, ownBroker: boolean): Promise<Plan> {
  const brokers = environment['KAFKA_TEST_BROKERS'];
  if (!ownBroker && brokers !== undefined && brokers !== '') return { kind: 'shared', brokers };
  const home = kafkaHome(environment);
  if (!(await hasJars(home)))
    return {
      kind: 'none',
      reason: 'its jars are not here: run `npm run kafka` once, or set KAFKA_TEST_BROKERS',
    };
  try {
    return { kind: 'own', java: await findJava(environment), home };
  } catch (error) {
    return { kind: 'none', reason: messageOf(error) };
  }
}

function notThere(): never {
  throw new Error('the broker is there only while the tests run');
}
