import { z } from 'zod';
import { fileSetting } from '#libs/kernel/file-setting.js';
import { readPairs, readSettings, SettingError } from '#libs/kernel/settings.js';
import { isMailAddress } from './mail-address.js';

const address = z.string().refine(isMailAddress, 'must be one address such as countersign@example.com');

const schema = z.object({
  COUNTERSIGN_MAIL_URL: z.string().max(512).optional(),
  COUNTERSIGN_MAIL_PASSWORD: z.string().max(1_024).optional(),
  COUNTERSIGN_MAIL_PASSWORD_FILE: z.string().max(4_096).optional(),
  COUNTERSIGN_MAIL_CA: z.string().max(4_096).optional(),
  COUNTERSIGN_MAIL_TLS: z.enum(['required', 'off'], 'must be required or off').optional(),
  COUNTERSIGN_MAIL_FROM: address.optional(),
  COUNTERSIGN_MAIL_TO: address.optional(),
  COUNTERSIGN_MAIL_GROUPS: z.string().max(16_384).optional(),
  COUNTERSIGN_MAIL_WHEN: z.enum(['always', 'fallback'], 'must be always or fallback').optional(),
  SLACK_SHOW_SQL: z.enum(['on', 'off'], 'must be on or off').optional(),
});

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; else STARTTLS. */
  readonly secure: boolean;
  /** `off` sends in the clear where the server does not offer STARTTLS; never a password. */
  readonly tls: 'required' | 'off';
  /** PEM of the authorities that are believed instead of the usual ones. */
  readonly ca: string | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
  readonly from: string;
}

export interface MailSettings {
  readonly server: MailServer;
  /** Takes what is for nobody whose address is known. */
  readonly to: string | undefined;
  /** The addresses of groups that have one of their own. */
  readonly addressOfGroup: ReadonlyMap<string, string>;
  /** `fallback`: only for what Slack does not show in time. */
  readonly when: 'always' | 'fallback';
  /** Whether statements may stand in a mail: only where the switch says so in so many words. */
  readonly showSql: boolean;
}

/** Reads what e-mail needs; undefined where none is wanted. Throws SettingError, one line. */
export function readMailSettings(
  environment: Readonly<Record<string, string | undefined>>,
  slackIsThere: boolean,
): MailSettings | undefined {
  const { COUNTERSIGN_MAIL_URL: url, SLACK_SHOW_SQL: showSql, ...given } = readSettings(schema, environment);
  if (url === undefined) {
    if (Object.values(given).some((value) => value !== undefined))
      throw new SettingError('COUNTERSIGN_MAIL_URL', 'is required where other settings of e-mail are set');
    return undefined;
  }
  const from = given.COUNTERSIGN_MAIL_FROM;
  if (from === undefined)
    throw new SettingError('COUNTERSIGN_MAIL_FROM', 'is required where COUNTERSIGN_MAIL_URL is set');
  const groups = readPairs(given.COUNTERSIGN_MAIL_GROUPS ?? '', isMailAddress);
  if (groups === undefined)
    throw new SettingError(
      'COUNTERSIGN_MAIL_GROUPS',
      'must be group=address pairs such as dba=dba@example.com,security=security@example.com',
    );
  const tls = given.COUNTERSIGN_MAIL_TLS ?? 'required';
  const { user, ...server } = serverOf(url);
  const password = passwordOf(given);
  if ((user === undefined) !== (password === undefined))
    throw new SettingError(
      'COUNTERSIGN_MAIL_PASSWORD',
      user === undefined
        ? 'is of no use without a user: smtp://user@host'
        : 'or COUNTERSIGN_MAIL_PASSWORD_FILE is required where COUNTERSIGN_MAIL_URL names a user',
    );
  if (password !== undefined && tls === 'off' && !server.secure)
    throw new SettingError('COUNTERSIGN_MAIL_TLS', 'must be required: a password is never sent in the clear');
  const ca = given.COUNTERSIGN_MAIL_CA;
  return {
    server: {
      ...server,
      tls,
      from,
      ca: ca === undefined ? undefined : fileSetting('COUNTERSIGN_MAIL_CA', ca, pem),
      login: user === undefined || password === undefined ? undefined : { user, password },
    },
    to: given.COUNTERSIGN_MAIL_TO,
    addressOfGroup: groups,
    when: given.COUNTERSIGN_MAIL_WHEN ?? (slackIsThere ? 'fallback' : 'always'),
    showSql: showSql === 'on',
  };
}

function serverOf(text: string): Pick<MailServer, 'host' | 'port' | 'secure'> & { user: string | undefined } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^smtps?:$/.test(url.protocol) || !/^(|\/)$/.test(url.pathname + url.search))
    throw new SettingError('COUNTERSIGN_MAIL_URL', 'must be a URL such as smtp://user@mail.example.com:587');
  if (url.password !== '')
    throw new SettingError(
      'COUNTERSIGN_MAIL_URL',
      'must not hold the password: set COUNTERSIGN_MAIL_PASSWORD or COUNTERSIGN_MAIL_PASSWORD_FILE',
    );
  if (url.hostname === '') throw new SettingError('COUNTERSIGN_MAIL_URL', 'must name a host');
  const secure = url.protocol === 'smtps:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
  };
}

function passwordOf(given: {
  COUNTERSIGN_MAIL_PASSWORD?: string | undefined;
  COUNTERSIGN_MAIL_PASSWORD_FILE?: string | undefined;
}): string | undefined {
  const { COUNTERSIGN_MAIL_PASSWORD: password, COUNTERSIGN_MAIL_PASSWORD_FILE: file } = given;
  if (password !== undefined && file !== undefined)
    throw new SettingError(
      'COUNTERSIGN_MAIL_PASSWORD',
      'and COUNTERSIGN_MAIL_PASSWORD_FILE exclude each other',
    );
  return file === undefined
    ? password
    : fileSetting('COUNTERSIGN_MAIL_PASSWORD_FILE', file, (text) => {
        const line = text.replace(/\r?\n$/, '');
        if (line === '') throw new Error('is empty');
        return line;
      });
}

function pem(text: string): string {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error('holds no certificate');
  return text;
}
