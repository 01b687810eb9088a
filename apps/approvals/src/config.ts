import { z } from 'zod';
import type { SigningKey, TrustedKeys } from '#libs/contracts/event-signature.js';
import { parseGatewayTies, type GatewayTies } from '#libs/contracts/gateway-ties.js';
import { parseSigningKey, parseTrustedKeys } from '#libs/contracts/key-files.js';
import { readEventLogSettings, type EventLogSettings } from '#libs/event-log/settings.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { fileSetting } from '#libs/kernel/file-setting.js';
import { readMailSettings, type MailSettings } from '#libs/mail/mail-settings.js';
import { readWebhookSettings, type WebhookSettings } from './notify/webhook-settings.js';
import type { BreakGlass } from './policy/change/break-glass.js';
import { readSlackSettings, type SlackSettings } from './slack/slack-settings.js';
import { portSetting, readSettings, SettingError } from '#libs/kernel/settings.js';

const schema = z.object({
  COUNTERSIGN_TENANT: z.string().max(64).default('default'),
  COUNTERSIGN_OIDC_ISSUER: z.url('must be the URL of an OIDC issuer'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL'),
  COUNTERSIGN_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info'),
  COUNTERSIGN_APPROVALS_HOST: z.string().default('127.0.0.1'),
  COUNTERSIGN_APPROVALS_PORT: portSetting,
  COUNTERSIGN_GATEWAY_KEYS: z.string(),
  COUNTERSIGN_DECISION_SIGNING_KEY: z.string(),
  COUNTERSIGN_DIRECTORY: z.string(),
  COUNTERSIGN_POLICY: z.string().optional(),
  COUNTERSIGN_POLICY_BREAK_GLASS: z
    .string()
    .regex(/^[0-9a-f]{64} .*\S/, 'must be the SHA-256 of the policy file, a space, and the reason')
    .max(2_000)
    .transform((text) => ({ sourceHash: text.slice(0, 64), reason: text.slice(65).trim() }))
    .optional(),
  COUNTERSIGN_REVIEWERS: z.string().min(1).max(256).default('dba'),
  COUNTERSIGN_MAX_NOTIFIED: z
    .string()
    .regex(/^([0-9]|[1-9][0-9]|1[0-9]{2}|200)$/, 'must be a number of people from 0 to 200')
    .default('50')
    .transform(Number),
  COUNTERSIGN_APPROVALS_PUBLIC_URL: z
    .url('must be the URL under which people reach approvals')
    .regex(/^https?:/, 'must be an http:// or https:// URL')
    .optional(),
});

export interface ApprovalsConfig {
  readonly tenant: string;
  readonly issuer: string;
  readonly databaseUrl: string;
  readonly eventLog: EventLogSettings;
  readonly logLevel: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Public keys of the gateways, from a file: never from the event log, the database or the network. */
  readonly gatewayKeys: TrustedKeys;
  /** Which gateways a key may speak for, where its file says so. */
  readonly gatewayTies?: GatewayTies | undefined;
  readonly signingKey: SigningKey;
  readonly directoryFile: string;
  /** The text of the policy file; undefined: the built-in policy. */
  readonly policy: { readonly file: string; readonly text: string } | undefined;
  /** Puts exactly one text in force without the signatures its predecessor asks for. Default: none. */
  readonly breakGlass?: BreakGlass | undefined;
  readonly reviewers: string;
  /** The most people that are told of one request one by one; where more may decide, only channels are told. */
  readonly maxNotified: number;
  /** Where people reach this service, without a slash at its end; undefined: where it listens. */
  readonly publicUrl?: string | undefined;
  /** undefined: no Slack. */
  readonly slack?: SlackSettings | undefined;
  /** undefined: no webhook. */
  readonly webhook?: WebhookSettings | undefined;
  /** undefined: no e-mail. */
  readonly mail?: MailSettings | undefined;
}

/** Reads everything the service needs to start. Throws SettingError, one line that names the variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): ApprovalsConfig {
  const given = readSettings(schema, environment);
  const slack = readSlackSettings(environment);
  return {
    tenant: given.COUNTERSIGN_TENANT,
    issuer: given.COUNTERSIGN_OIDC_ISSUER,
    databaseUrl: given.DATABASE_URL,
    eventLog: readEventLogSettings(environment),
    logLevel: given.COUNTERSIGN_LOG_LEVEL,
    host: given.COUNTERSIGN_APPROVALS_HOST,
    port: given.COUNTERSIGN_APPROVALS_PORT,
    gatewayTies: fileSetting('COUNTERSIGN_GATEWAY_KEYS', given.COUNTERSIGN_GATEWAY_KEYS, parseGatewayTies),
    gatewayKeys: fileSetting('COUNTERSIGN_GATEWAY_KEYS', given.COUNTERSIGN_GATEWAY_KEYS, parseTrustedKeys),
    signingKey: fileSetting(
      'COUNTERSIGN_DECISION_SIGNING_KEY',
      given.COUNTERSIGN_DECISION_SIGNING_KEY,
      parseSigningKey,
    ),
    directoryFile: given.COUNTERSIGN_DIRECTORY,
    policy:
      given.COUNTERSIGN_POLICY === undefined
        ? undefined
        : fileSetting('COUNTERSIGN_POLICY', given.COUNTERSIGN_POLICY, (text) => ({
            file: given.COUNTERSIGN_POLICY as string,
            text,
          })),
    breakGlass: given.COUNTERSIGN_POLICY_BREAK_GLASS,
    reviewers: given.COUNTERSIGN_REVIEWERS,
    maxNotified: given.COUNTERSIGN_MAX_NOTIFIED,
    publicUrl: given.COUNTERSIGN_APPROVALS_PUBLIC_URL?.replace(/\/+$/, ''),
    slack,
    webhook: readWebhookSettings(environment, slack !== undefined),
    mail: readMailSettings(environment, slack !== undefined),
  };
}

/** Runs a step of the start; what fails in it becomes one line that names the variable it depends on. */
export async function naming<T>(variable: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const [line] = messageOf(error).split('\n');
    if (line?.startsWith(`${variable}:`)) throw error;
    throw new SettingError(variable, line ?? 'does not work');
  }
}
