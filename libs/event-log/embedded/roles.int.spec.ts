import { pino } from 'pino';
import { TOPIC_NAMES, TOPICS, type Topic } from '#libs/contracts/topics.js';
import { connectClient, type PgClient } from '#libs/postgres/client.js';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { collect } from '../contract/collect.js';
import { record } from '../contract/installation.js';
import { NEVER_TRIMMED, TOPIC_ACCESS, groupsOf } from '../topic-access.js';
import { installEmbedded, makeTemplate, type EmbeddedInstallation } from './embedded-installation.js';

const SERVICES = ['gateway', 'approvals', 'audit', 'reader'] as const;
type Service = (typeof SERVICES)[number];

/** The whole of it; what is not here must be refused. */
const accessOf = (service: Service, what: 'append' | 'read'): readonly Topic[] =>
  service === 'reader' ? [] : TOPIC_ACCESS[service][what];
const REFUSED = '42501';

describe('the roles of the embedded event log', () => {
  let server: TemporaryPostgres;
  let installation: EmbeddedInstallation;
  const urls = {} as Record<Service, string>;

  beforeAll(async () => {
    server = await temporaryPostgres({ fsync: 'off' });
    await makeTemplate(server, 'deploy/migrations');
    installation = await installEmbedded(server, pino({ level: 'silent' }));
    await installation.admin(async (client) => {
      for (const service of SERVICES) {
        await client.query(`CREATE ROLE test_${service} LOGIN PASSWORD 'x' IN ROLE countersign_${service}`);
        const url = new URL(installation.url);
        url.username = `test_${service}`;
        url.password = 'x';
        urls[service] = url.toString();
      }
    });
  }, 60_000);

  afterAll(async () => {
    await installation.dispose();
    await server.dispose();
  });

  const as = async <T>(service: Service, work: (client: PgClient) => Promise<T>): Promise<T> => {
    const client = await connectClient(urls[service], 'test');
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };

  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    );

  it('let each service append to its own topics and to no other', async () => {
    for (const service of ['gateway', 'approvals'] as const) {
      const log = await installation.openAt(urls[service]);
      for (const topic of TOPIC_NAMES) {
        const producer = await log.producer();
        const code = await codeOf(producer.append([record(topic, 0, `by ${service}`)]));
        expect([service, topic, code]).toEqual([
          service,
          topic,
          accessOf(service, 'append').includes(topic) ? 'done' : 'PRODUCER_CLOSED',
        ]);
      }
    }
    const audit = await installation.openAt(urls.audit);
    await expect(audit.producer()).rejects.toMatchObject({ code: REFUSED });
    const all = await installation.open();
    for (const topic of TOPIC_NAMES) {
      const writers = SERVICES.filter((service) => accessOf(service, 'append').includes(topic));
      const found = await collect(all, { topic, partition: 0 }, writers.length);
      expect(found.map((one) => String(one.value))).toEqual(writers.map((service) => `by ${service}`));
    }
  });

  it('let each service read its own topics and no other', async () => {
    for (const service of SERVICES) {
      for (const topic of TOPIC_NAMES) {
        const code = await codeOf(
          as(service, (client) => client.query('SELECT * FROM event_log.read($1, 0, 0, 10, 1000)', [topic])),
        );
        expect([service, topic, code]).toEqual([
          service,
          topic,
          accessOf(service, 'read').includes(topic) ? 'done' : REFUSED,
        ]);
      }
    }
  });

  it('end a tail that may not read with an error instead of silence', async () => {
    const log = await installation.openAt(urls.gateway);
    const failure = await new Promise<Error>((resolve, reject) => {
      log
        .tail({
          topic: 'statements',
          partition: 0,
          reader: 'gateway',
          from: 'start',
          onRecord: () => reject(new Error('delivered')),
          onFatal: resolve,
        })
        .catch(reject);
    });
    expect(failure).toMatchObject({ code: 'EVENT_LOG_REFUSED' });
  });

  it('let nobody touch a table', async () => {
    const tables = [
      'meta',
      'topics',
      'permissions',
      'group_roles',
      'heads',
      'log',
      'producers',
      'groups',
      'members',
      'assignments',
      'required_groups',
      'positions',
    ];
    await installation.admin(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'event_log'::regnamespace AND relkind = 'r' ORDER BY 1",
      );
      expect(rows.map(({ name }) => name)).toEqual([...tables].sort());
    });
    for (const service of SERVICES) {
      for (const table of tables) {
        for (const statement of [
          `SELECT * FROM event_log.${table}`,
          `INSERT INTO event_log.${table} DEFAULT VALUES`,
          `DELETE FROM event_log.${table}`,
          `TRUNCATE event_log.${table}`,
          `DROP TABLE event_log.${table}`,
        ]) {
          const code = await codeOf(as(service, (client) => client.query(statement)));
          expect([service, statement, code]).toEqual([service, statement, REFUSED]);
        }
      }
      for (const statement of [
        'UPDATE event_log.log SET value = key',
        'UPDATE event_log.heads SET next_offset = 0',
        "UPDATE event_log.permissions SET role = 'countersign_gateway'",
        'ALTER TABLE event_log.log DISABLE TRIGGER ALL',
        'CREATE TABLE event_log.mine ()',
        'SET ROLE countersign_event_log_owner',
        'SELECT event_log.require_permission($$log$$, true, true)',
      ]) {
        const code = await codeOf(as(service, (client) => client.query(statement)));
        expect([service, statement, code]).toEqual([service, statement, REFUSED]);
      }
    }
  });

  it('let audit alone trim, and not what is kept for ever', async () => {
    for (const service of SERVICES) {
      for (const topic of TOPIC_NAMES) {
        const trim = as(service, (client) =>
          client.query('SELECT * FROM event_log.trim($1, 0, 0, 0, 10)', [topic]),
        );
        const may = service === 'audit' && !NEVER_TRIMMED.includes(topic);
        expect([service, topic, await codeOf(trim)]).toEqual([service, topic, may ? 'done' : REFUSED]);
      }
    }
  });

  it('let nobody say how far the group of another has read', async () => {
    const beat = 'SELECT * FROM event_log.heartbeat($1, $2, $3, $4, $5, $6)';
    const member = ['approvals', '33333333-3333-4333-8333-333333333333', ['requests'], 3_000, [], []];
    await as('approvals', (client) => client.query(beat, member));
    const report =
      "SELECT event_log.report_positions('approvals', ARRAY['requests'], ARRAY[0], ARRAY[0::bigint])";
    for (const service of SERVICES) {
      const code = await codeOf(as(service, (client) => client.query(report)));
      expect([service, code]).toEqual([service, service === 'approvals' ? 'done' : REFUSED]);
    }
    // Ahead of the log's end is no position at all.
    await as('approvals', (client) => client.query(report.replace('0::bigint', '999999::bigint')));
    await installation.admin(async (client) => {
      const { rows } = await client.query<{ next_offset: string }>(
        "SELECT next_offset FROM event_log.positions WHERE group_name = 'approvals'",
      );
      expect(rows).toEqual([{ next_offset: '0' }]);
    });
  });

  it('wait with trimming for the groups that the services go by', async () => {
    await installation.admin(async (client) => {
      const { rows } = await client.query<{ topic: Topic; groups: string[] }>(
        'SELECT topic, array_agg(group_name) AS groups FROM event_log.required_groups GROUP BY topic',
      );
      const found = Object.fromEntries(rows.map(({ topic, groups }) => [topic, groups.sort()]));
      expect(found).toEqual(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, groupsOf(topic).sort()])));
    });
  });

  it('keep what is written from the owner too', async () => {
    await installation.admin(async (client) => {
      await client.query('SET ROLE countersign_event_log_owner');
      for (const statement of [
        'UPDATE event_log.log SET value = key',
        'DELETE FROM event_log.log',
        'TRUNCATE event_log.log',
        'UPDATE event_log.heads SET next_offset = next_offset - 1 WHERE next_offset > 0',
      ])
        expect([statement, await codeOf(client.query(statement))]).toEqual([statement, REFUSED]);
    });
    await installation.admin(async (client) => {
      await client.query('SET session_replication_role = replica');
      expect(await codeOf(client.query('DELETE FROM event_log.log'))).toBe(REFUSED);
    });
  });

  it('are not fooled by a search_path or by objects of the caller', async () => {
    await installation.admin((client) => client.query('GRANT CREATE ON SCHEMA public TO test_gateway'));
    await as('gateway', async (client) => {
      await client.query(`CREATE FUNCTION public.pg_has_role(name, name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE TEMP TABLE permissions (role name, topic text, may_append boolean, may_read boolean);
        INSERT INTO permissions VALUES ('test_gateway', 'decisions', true, true);
        SET search_path = public, pg_temp, pg_catalog`);
      const append = client.query(
        "SELECT event_log.append(gen_random_uuid(), 0, 'decisions', 0, ARRAY['\\x00'::bytea], ARRAY['\\x00'::bytea])",
      );
      expect(await codeOf(append)).toBe(REFUSED);
    });
  });

  it('keep a service from the producer and the consumer group of another', async () => {
    const group = ['audit', '11111111-1111-4111-8111-111111111111', ['control'], 3_000, [], []];
    const beat = 'SELECT * FROM event_log.heartbeat($1, $2, $3, $4, $5, $6)';
    await as('audit', (client) => client.query(beat, group));
    expect(await codeOf(as('approvals', (client) => client.query(beat, group)))).toBe(REFUSED);
    expect(await codeOf(as('gateway', (client) => client.query(beat, group)))).toBe(REFUSED);
    const producer = '22222222-2222-4222-8222-222222222222';
    await as('approvals', (client) => client.query('SELECT event_log.open_producer($1)', [producer]));
    const append =
      "SELECT event_log.append($1, 0, 'requests', 0, ARRAY['\\x00'::bytea], ARRAY['\\x00'::bytea])";
    expect(await codeOf(as('gateway', (client) => client.query(append, [producer])))).toBe('CSL01');
  });

  it('have an owner that cannot log in and that no service is a member of', async () => {
    await installation.admin(async (client) => {
      const { rows } = await client.query(
        `SELECT r.rolcanlogin, (SELECT count(*)::int FROM pg_auth_members m WHERE m.roleid = r.oid) AS members
         FROM pg_roles r WHERE rolname = 'countersign_event_log_owner'`,
      );
      expect(rows).toEqual([{ rolcanlogin: false, members: 0 }]);
      const { rows: owners } = await client.query(
        `SELECT DISTINCT pg_get_userbyid(proowner) AS owner, prosecdef AND proconfig IS NULL AS unpinned
         FROM pg_proc WHERE pronamespace = 'event_log'::regnamespace`,
      );
      expect(owners).toEqual([{ owner: 'countersign_event_log_owner', unpinned: false }]);
    });
  });

  it('know the topics of the contracts', async () => {
    await installation.admin(async (client) => {
      const { rows } = await client.query<{ topic: string; n: number }>(
        'SELECT topic, count(*)::int AS n FROM event_log.heads GROUP BY topic',
      );
      expect(Object.fromEntries(rows.map(({ topic, n }) => [topic, n]))).toEqual(
        Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, TOPICS[topic].partitions])),
      );
    });
  });
});
