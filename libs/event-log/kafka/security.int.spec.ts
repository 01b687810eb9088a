import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { describeWithKafka } from '#libs/testing/kafka-for-tests.js';
import { OAUTH_CLIENT, securedKafka, type SecuredKafka } from '#libs/testing/secured-kafka.js';
import { testAuthority } from '#libs/testing/test-certificates.js';
import { collect } from '../contract/collect.js';
import { record } from '../contract/installation.js';
import { openEventLog } from '../open-event-log.js';
import type { EventLog } from '../port.js';
import { readEventLogSettings, type KafkaSettings } from '../settings.js';
import { LOG_USERS, TOPIC_ACCESS, type LogUser } from '../topic-access.js';
import { TOPIC_NAMES } from '#libs/contracts/topics.js';
import { applyAccessRules, asKafkaAdmin, createKafkaTopics } from './kafka-administration.js';

interface Refusal {
  readonly type?: string;
  readonly errors?: readonly { readonly type?: string }[];
  readonly partitions?: readonly { readonly error: Error }[];
  readonly cause?: Refusal;
}

type Variables = Readonly<Record<string, string>>;

await describeWithKafka(
  'Kafka that asks who comes',
  () => {
    let kafka: SecuredKafka;
    let folder: string;
    let ca: string;
    const opened: EventLog[] = [];
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });

    beforeAll(async () => {
      kafka = await securedKafka([...LOG_USERS, 'stranger']);
      folder = await mkdtemp(path.join(tmpdir(), 'countersign-kafka-client-'));
      ca = await file('ca.pem', kafka.authority.ca);
      const admin = settings({ KAFKA_BROKERS: kafka.open });
      await createKafkaTopics(admin, logger);
      await applyAccessRules(admin, new Map(LOG_USERS.map((user) => [user, `User:${user}`])), logger);
      await applyAccessRules(admin, new Map([['gateway', 'User:scram']]), logger);
      await applyAccessRules(admin, new Map([['gateway', 'User:CN=gateway client']]), logger);
    }, 150_000);

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
    });

    afterAll(async () => {
      await (kafka as SecuredKafka | undefined)?.dispose();
      await rm(folder, { recursive: true, force: true });
    }, 30_000);

    const file = async (name: string, text: string): Promise<string> => {
      const place = path.join(folder, name);
      await writeFile(place, text, { mode: 0o600 });
      return place;
    };
    const settings = (variables: Variables): KafkaSettings =>
      readEventLogSettings({ KAFKA_TOPIC_PREFIX: 'x.', ...variables }) as KafkaSettings;
    const open = async (variables: Variables, user: LogUser = 'gateway'): Promise<EventLog> => {
      const log = await openEventLog(settings(variables), { applicationName: 'test', user, logger });
      opened.push(log);
      return log;
    };
    const plain = (user: string): Variables => ({
      KAFKA_BROKERS: kafka.sasl,
      KAFKA_CA: ca,
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: user,
    });
    const oauth = (): Variables => ({
      KAFKA_BROKERS: kafka.sasl,
      KAFKA_CA: ca,
      KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
      KAFKA_OAUTH_TOKEN_ENDPOINT: kafka.tokenEndpoint,
      KAFKA_OAUTH_CLIENT_ID: OAUTH_CLIENT.id,
      KAFKA_OAUTH_CLIENT_SECRET: OAUTH_CLIENT.secret,
    });

    const ways: readonly (readonly [string, () => Promise<Variables>])[] = [
      ['PLAIN', () => Promise.resolve(plain('gateway'))],
      ...(['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).map(
        (mechanism) =>
          [
            mechanism,
            async () => ({
              KAFKA_BROKERS: kafka.sasl,
              KAFKA_CA: ca,
              KAFKA_SASL_MECHANISM: mechanism,
              KAFKA_SASL_USERNAME: 'scram',
              KAFKA_SASL_PASSWORD_FILE: await file('password', 'scram-pass-1\n'),
            }),
          ] as const,
      ),
      ['OAUTHBEARER', () => Promise.resolve(oauth())],
      [
        'a client certificate',
        async () => {
          const { certificate, key } = await kafka.authority.issue('gateway client');
          return {
            KAFKA_BROKERS: kafka.mutualTls,
            KAFKA_CA: ca,
            KAFKA_CERT: await file('client.pem', certificate),
            KAFKA_KEY: await file('client-key.pem', key),
          };
        },
      ],
    ];

    it.each(ways)(
      'lets a gateway in by %s: it appends what is its own, and reads decisions',
      async (way, variables) => {
        const log = await open(await variables());
        await log.ensureTopics();
        const before = await log.endOffset({ topic: 'statements', partition: 0 });
        const producer = await log.producer();
        await producer.append([record('statements', 0, `by ${way}`)]);
        await expect(log.endOffset({ topic: 'statements', partition: 0 })).resolves.toBe(before + 1n);
        const approvals = await open(plain('approvals'), 'approvals');
        const end = await log.endOffset({ topic: 'decisions', partition: 1 });
        await (await approvals.producer()).append([record('decisions', 1, `for ${way}`)]);
        const decided = await collect(log, { topic: 'decisions', partition: 1 }, 1, end, 'gateway-1');
        expect(decided.map(({ value }) => String(value))).toEqual([`for ${way}`]);
      },
      60_000,
    );

    it('asks for one token for several connections', async () => {
      const before = kafka.tokensGiven();
      const log = await open(oauth());
      await log.ensureTopics();
      await (await log.producer()).append([record('requests', 0, 'x')]);
      expect(kafka.tokensGiven()).toBe(before + 1);
    }, 60_000);

    it.each([
      ['a wrong password', () => ({ ...plain('gateway'), KAFKA_SASL_PASSWORD: 'secret-of-nobody' })],
      ['a wrong client secret', () => ({ ...oauth(), KAFKA_OAUTH_CLIENT_SECRET: 'secret-of-nobody' })],
      ['no client certificate', () => ({ KAFKA_BROKERS: kafka.mutualTls, KAFKA_CA: ca })],
      [
        'a broker of another authority',
        async () => ({ ...plain('gateway'), KAFKA_CA: await file('other.pem', (await testAuthority()).ca) }),
      ],
      [
        'a broker of another name',
        () => ({ ...plain('gateway'), KAFKA_BROKERS: kafka.sasl.replace('localhost', '127.0.0.1') }),
      ],
    ] as const)(
      'refuses %s in one line that holds no secret',
      async (_, variables) => {
        const error = await open(await variables()).then(
          () => new Error('it was let in'),
          (thrown: Error) => thrown,
        );
        expect(error).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
        expect(error.message).not.toMatch(/\n|secret-of-nobody/);
      },
      60_000,
    );

    it('lets each service append to its own topics and read its own, and do nothing else', async () => {
      for (const user of LOG_USERS) {
        const log = await open(plain(user), user);
        await log.ensureTopics();
        for (const topic of TOPIC_NAMES) {
          const appended = await log
            .producer()
            .then((producer) => producer.append([record(topic, 0, `by ${user}`)]))
            .then(
              () => true,
              () => false,
            );
          expect([user, topic, appended]).toEqual([user, topic, TOPIC_ACCESS[user].append.includes(topic)]);
          const bounds = await log.endOffset({ topic, partition: 0 }).then(
            () => true,
            () => false,
          );
          const uses = TOPIC_ACCESS[user].append.includes(topic) || TOPIC_ACCESS[user].read.includes(topic);
          expect([user, topic, bounds]).toEqual([user, topic, uses]);
        }
      }
    }, 120_000);

    it('lets audit trim, and see for that how far approvals has read', async () => {
      const log = await open(plain('audit'), 'audit');
      for (const topic of TOPIC_NAMES)
        await expect(log.trim({ topic, partition: 0 }, 1n, 0)).resolves.toBe(0n);
      const approvals = await open(plain('approvals'), 'approvals');
      await expect(approvals.trim({ topic: 'requests', partition: 0 }, 1n, 0)).rejects.toThrow(
        /uthoriz|group coordinator/,
      );
    }, 60_000);

    it('lets nobody into the group of another, nor read what is not theirs, nor touch topics and rules', async () => {
      const refused = async (work: Promise<unknown>): Promise<string> =>
        work.then(
          () => 'done',
          (error: Refusal) =>
            error.type ??
            error.errors?.[0]?.type ??
            String((error.partitions ?? error.cause?.partitions)?.[0]?.error ?? error),
        );
      for (const user of [...LOG_USERS, 'stranger']) {
        await asKafkaAdmin(settings(plain(user)), logger, async (admin) => {
          const results = {
            alter: await refused(
              admin.alterConfigs({
                validateOnly: true,
                resources: [
                  { type: 2, name: 'x.statements', configEntries: [{ name: 'retention.ms', value: '1' }] },
                ],
              }),
            ),
            create: await refused(admin.createTopics({ topics: [{ topic: 'x.mine' }] })),
            remove: await refused(admin.deleteTopics({ topics: ['x.requests'] })),
            grow: await refused(
              admin.createPartitions({ topicPartitions: [{ topic: 'x.requests', count: 9 }] }),
            ),
            rules: await refused(
              admin.createAcls({
                acl: [
                  {
                    resourceType: 2,
                    resourcePatternType: 3,
                    resourceName: 'x.decisions',
                    principal: `User:${user}`,
                    host: '*',
                    operation: 4,
                    permissionType: 3,
                  },
                ],
              }),
            ),
            trimControl: await refused(
              admin.fetchTopicOffsets('x.control').then(() =>
                admin.deleteTopicRecords({
                  topic: 'x.control',
                  partitions: [{ partition: 0, offset: '0' }],
                }),
              ),
            ),
          };
          for (const [what, result] of Object.entries(results))
            expect([user, what, result]).toEqual([
              user,
              what,
              // INVALID_REQUEST: topics cannot be deleted at this broker at all.
              expect.stringMatching(
                what === 'remove'
                  ? /AUTHORIZATION|UNKNOWN_TOPIC|^INVALID_REQUEST$/
                  : /AUTHORIZATION|UNKNOWN_TOPIC|uthoriz/,
              ),
            ]);
        });
      }
      const intruder = await open(plain('gateway'));
      const fatal = await new Promise<Error>((resolve) => {
        void intruder
          .consume({
            group: 'approvals',
            topics: ['decisions'],
            handler: { claim: () => Promise.resolve(0n), handle: () => Promise.resolve('stored') },
            onFatal: resolve,
          })
          .catch(resolve);
      });
      expect(fatal.message).toMatch(/authoriz|group coordinator/i);
    }, 120_000);

    it('hears no secret of ours in any log line', () => {
      expect(lines.join('')).not.toMatch(/secret-of-nobody|scram-pass-1|p:ss|eyJ[A-Za-z0-9_-]{20}/);
    });
  },
  { ownBroker: true, startsItself: true },
);
