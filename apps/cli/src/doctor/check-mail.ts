import { readMailSettings } from '#libs/mail/mail-settings.js';
import { Mailer } from '#libs/mail/mailer.js';
import { approvalsEnvironment, type Environment } from '../installation/approvals-environment.js';
import { check, type CheckResult } from './check.js';

/**
 * Whether the mail server takes a connection, TLS and the login, with the settings approvals runs with. One line that
 * says so where e-mail is not used.
 */
export async function checkMail(home: string, environment: Environment): Promise<CheckResult[]> {
  const given = await approvalsEnvironment(home, environment, 'COUNTERSIGN_MAIL_URL');
  if ((given['COUNTERSIGN_MAIL_URL'] ?? '') === '')
    return [{ name: 'e-mail', ok: true, detail: 'not configured' }];
  return [await check('e-mail', () => signIn(given))];
}

async function signIn(given: Environment): Promise<string> {
  const settings = readMailSettings(given, false);
  if (settings === undefined) return 'not configured';
  const { host, port, login, tls, secure } = settings.server;
  const where = `${host}:${port}`;
  try {
    await new Mailer(settings.server).verify();
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const how = tls === 'off' && !secure ? 'without asking for TLS' : 'over TLS';
  return `${where} takes mail ${how}${login === undefined ? '' : `, signed in as ${login.user}`}`;
}
