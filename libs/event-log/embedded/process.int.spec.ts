import { pino } from 'pino';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { runQuietly } from '../contract/quiet-process.js';
import { installEmbedded, makeTemplate } from './embedded-installation.js';

describe('a process that uses the embedded event log', () => {
  it('prints no warning of Node, and ends by itself once the log is closed', async () => {
    const server = await temporaryPostgres({ fsync: 'off' });
    await makeTemplate(server, 'deploy/migrations');
    const installation = await installEmbedded(server, pino({ level: 'silent' }));
    const result = await runQuietly({ DATABASE_URL: installation.url });
    await server.dispose();
    expect(result).toEqual({ stderr: '', ended: '0' });
  }, 150_000);
});
