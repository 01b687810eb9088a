import { pino } from 'pino';
import { temporaryPostgres, type TemporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { describeEventLog } from '../contract/event-log-contract.js';
import { installEmbedded, makeTemplate } from './embedded-installation.js';

let server: TemporaryPostgres;

beforeAll(async () => {
  server = await temporaryPostgres({ fsync: 'off' });
  await makeTemplate(server, 'deploy/migrations');
}, 60_000);

afterAll(() => server.dispose());

describeEventLog('the embedded event log', () => installEmbedded(server, pino({ level: 'silent' })));
