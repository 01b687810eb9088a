import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { z } from 'zod';
import { FileDirectory } from '#libs/identity/directory.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { portSetting, readSettings } from '#libs/kernel/settings.js';
import { createLogger } from '#libs/observability/logger.js';
import { developmentProvider } from './development-provider.js';

const settingsSchema = z.object({
  COUNTERSIGN_OIDC_ISSUER: z.url(),
  COUNTERSIGN_IDP_PORT: portSetting,
  COUNTERSIGN_IDP_JWKS: z.string(),
  COUNTERSIGN_IDP_CLIENTS: z.string(),
  COUNTERSIGN_DIRECTORY: z.string(),
});

async function main(): Promise<void> {
  const settings = readSettings(settingsSchema, process.env);
  const logger = createLogger('idp');
  const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));
  const clients = z
    .record(z.string(), z.string().min(16))
    .parse(await readJson(settings.COUNTERSIGN_IDP_CLIENTS));
  const provider = developmentProvider(
    settings.COUNTERSIGN_OIDC_ISSUER,
    await readJson(settings.COUNTERSIGN_IDP_JWKS),
    clients,
    new FileDirectory(settings.COUNTERSIGN_DIRECTORY),
  );
  provider.on('server_error', (_context, error) => logger.error({ err: error }, 'a request failed'));
  provider.on('grant.error', (_context, error) =>
    logger.warn({ reason: messageOf(error) }, 'no token given'),
  );
  const answer = provider.callback();
  const server = createServer((request, response) => {
    if (request.url !== '/readyz' && request.url !== '/healthz') return answer(request, response);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ready":true}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Loopback only, whatever the other parts listen on: this provider believes its development client.
    server.listen(settings.COUNTERSIGN_IDP_PORT, '127.0.0.1', resolve);
  });
  logger.info({ port: settings.COUNTERSIGN_IDP_PORT }, 'the identity provider is ready');
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`idp: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
