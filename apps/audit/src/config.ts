import path from 'node:path';
import { z } from 'zod';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { parseSigningKey } from '#libs/contracts/key-files.js';
import { readEventLogSettings, type EventLogSettings } from '#libs/event-log/settings.js';
import { fileSetting } from '#libs/kernel/file-setting.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { durationSetting, portSetting, readSettings, SettingError } from '#libs/kernel/settings.js';
import { isKeyName } from '#libs/tlog/vkey.js';
import { keyInMemory, type CheckpointKey } from './checkpoints/checkpoint-key.js';
import { keyBehindCommand } from './checkpoints/key-behind-command.js';

/** An origin becomes `<this>/<topic>/<partition>` and stays below 255 bytes. */
const MAX_ORIGIN_BYTES = 200;

const schema = z.object({
  COUNTERSIGN_HOME: z.string().default('.countersign'),
  COUNTERSIGN_TENANT: z.string().max(64).default('default'),
  COUNTERSIGN_OIDC_ISSUER: z.url('must be the URL of an OIDC issuer'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL'),
  COUNTERSIGN_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info'),
  COUNTERSIGN_AUDIT_HOST: z.string().default('127.0.0.1'),
  COUNTERSIGN_AUDIT_PORT: portSetting,
  COUNTERSIGN_AUDIT_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  COUNTERSIGN_LEDGER_KEY: z.string().optional(),
  COUNTERSIGN_LEDGER_SIGNER: z.string().regex(/^\//, 'must be the absolute path of an executable').optional(),
  COUNTERSIGN_LEDGER_PUBLIC_KEY: z.string().optional(),
  COUNTERSIGN_LEDGER_ORIGIN: z
    .string()
    .refine(
      (origin) =>
        isKeyName(origin) && Buffer.byteLength(origin) <= MAX_ORIGIN_BYTES && !/^\/|\/$|:\/\//.test(origin),
      'must be the logs’ URL without its scheme and without a slash at the end, such as audit.example/ledger',
    )
    .default('localhost/countersign'),
  COUNTERSIGN_TRUST: z.string().optional(),
  COUNTERSIGN_EVENT_LOG_KEEP: z
    .literal('forever')
    .transform(() => undefined)
    .or(durationSetting)
    .default(7 * 86_400_000),
});

export interface AuditConfig {
  readonly tenant: string;
  readonly issuer: string;
  readonly databaseUrl: string;
  readonly eventLog: EventLogSettings;
  readonly logLevel: string;
  readonly host: string;
  readonly port: number;
  /** How others reach this service; undefined: at its own address. */
  readonly publicUrl: string | undefined;
  /** Signs checkpoints and nothing else. */
  readonly ledgerKey: CheckpointKey;
  readonly origin: string;
  /** Outside the database: the logs' keys and their last checkpoints. */
  readonly trustFolder: string;
  /** How long a record stays in the event log after it was appended, ms; undefined: for ever. */
  readonly eventLogKeepMs: number | undefined;
}

/** Reads everything the service needs to start. Throws SettingError, one line that names the variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): AuditConfig {
  const given = readSettings(schema, environment);
  return {
    tenant: given.COUNTERSIGN_TENANT,
    issuer: given.COUNTERSIGN_OIDC_ISSUER,
    databaseUrl: given.DATABASE_URL,
    eventLog: readEventLogSettings(environment),
    logLevel: given.COUNTERSIGN_LOG_LEVEL,
    host: given.COUNTERSIGN_AUDIT_HOST,
    port: given.COUNTERSIGN_AUDIT_PORT,
    publicUrl: given.COUNTERSIGN_AUDIT_PUBLIC_URL,
    ledgerKey: ledgerKeyOf(
      given.COUNTERSIGN_LEDGER_KEY,
      given.COUNTERSIGN_LEDGER_SIGNER,
      given.COUNTERSIGN_LEDGER_PUBLIC_KEY,
    ),
    origin: given.COUNTERSIGN_LEDGER_ORIGIN,
    eventLogKeepMs: given.COUNTERSIGN_EVENT_LOG_KEEP,
    trustFolder: path.resolve(given.COUNTERSIGN_TRUST ?? path.join(given.COUNTERSIGN_HOME, 'trust')),
  };
}

/** Either the key itself, as a file or as PEM text in the variable, or a command that signs with it. */
function ledgerKeyOf(
  key: string | undefined,
  signer: string | undefined,
  publicKey: string | undefined,
): CheckpointKey {
  if (signer !== undefined) {
    if (key !== undefined)
      throw new SettingError('COUNTERSIGN_LEDGER_SIGNER', 'give this or COUNTERSIGN_LEDGER_KEY, not both');
    if (publicKey === undefined)
      throw new SettingError('COUNTERSIGN_LEDGER_PUBLIC_KEY', 'is required with COUNTERSIGN_LEDGER_SIGNER');
    return keyBehindCommand(signer, fileSetting('COUNTERSIGN_LEDGER_PUBLIC_KEY', publicKey, parsePublicKey));
  }
  if (key === undefined)
    throw new SettingError('COUNTERSIGN_LEDGER_KEY', 'is required (or COUNTERSIGN_LEDGER_SIGNER)');
  if (!key.startsWith('-----BEGIN '))
    return keyInMemory(fileSetting('COUNTERSIGN_LEDGER_KEY', key, parseSigningKey).privateKey);
  try {
    return keyInMemory(parseSigningKey(key).privateKey);
  } catch (error) {
    throw new SettingError('COUNTERSIGN_LEDGER_KEY', `PEM text: ${messageOf(error).split('\n')[0]}`);
  }
}

function parsePublicKey(pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (pem.includes('PRIVATE KEY') || key.asymmetricKeyType !== 'ed25519')
    throw new Error('must hold an Ed25519 public key in PEM');
  return key;
}
