import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { z } from 'zod';
import { uuidSchema } from '#libs/contracts/envelope.js';
import type { SigningKey, TrustedKeys } from '#libs/contracts/event-signature.js';
import { parseSigningKey, parseTrustedKeys } from '#libs/contracts/key-files.js';
import { parseTargets, type TargetConfiguration } from '#libs/contracts/targets.js';
import { readEventLogSettings, type EventLogSettings } from '#libs/event-log/settings.js';
import { fileSetting } from '#libs/kernel/file-setting.js';
import { portSetting, readSettings } from '#libs/kernel/settings.js';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import type { Policy } from '#libs/policy/policy.js';
import { MIN_MAX_BYTES } from './spool/spool-options.js';

const bytesSetting = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'must be a number of bytes')
  .transform(Number);

const schema = z.object({
  COUNTERSIGN_HOME: z.string().default('.countersign'),
  COUNTERSIGN_TENANT: z.string().max(64).default('default'),
  COUNTERSIGN_OIDC_ISSUER: z.url('must be the URL of an OIDC issuer'),
  COUNTERSIGN_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info'),
  COUNTERSIGN_GATEWAY_HOST: z.string().default('127.0.0.1'),
  COUNTERSIGN_GATEWAY_PORT: portSetting,
  COUNTERSIGN_GATEWAY_HTTP_PORT: portSetting,
  COUNTERSIGN_GATEWAY_ID: uuidSchema.optional(),
  COUNTERSIGN_GATEWAY_SPOOL: z.string().optional(),
  COUNTERSIGN_SPOOL_MAX_BYTES: bytesSetting
    .refine((bytes) => bytes >= MIN_MAX_BYTES, `must be at least ${MIN_MAX_BYTES}`)
    .optional(),
  COUNTERSIGN_GATEWAY_TLS_CERT: z.string(),
  COUNTERSIGN_GATEWAY_TLS_KEY: z.string(),
  COUNTERSIGN_GATEWAY_SIGNING_KEY: z.string(),
  COUNTERSIGN_DECISION_KEYS: z.string(),
  COUNTERSIGN_TARGETS: z.string(),
  COUNTERSIGN_POLICY: z.string().optional(),
  COUNTERSIGN_REVIEWERS: z.string().min(1).max(256).default('dba'),
});

export interface GatewayConfig {
  readonly tenant: string;
  readonly issuer: string;
  readonly logLevel: string;
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  /** undefined: made once and kept beside the spool. */
  readonly gatewayId: string | undefined;
  readonly spoolFolder: string;
  readonly spoolMaxBytes: number | undefined;
  readonly eventLog: EventLogSettings;
  readonly secureContext: SecureContext;
  readonly signingKey: SigningKey;
  /** Public keys of approvals, from a file: never from the event log, the database or the network. */
  readonly decisionKeys: TrustedKeys;
  readonly targets: ReadonlyMap<string, TargetConfiguration>;
  readonly policy: Policy;
}

/** Reads everything the gateway needs to start. Throws SettingError, one line that names the variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const given = readSettings(schema, environment);
  const targets = fileSetting('COUNTERSIGN_TARGETS', given.COUNTERSIGN_TARGETS, (text) =>
    parseTargets(text, environment),
  );
  return {
    tenant: given.COUNTERSIGN_TENANT,
    issuer: given.COUNTERSIGN_OIDC_ISSUER,
    logLevel: given.COUNTERSIGN_LOG_LEVEL,
    host: given.COUNTERSIGN_GATEWAY_HOST,
    port: given.COUNTERSIGN_GATEWAY_PORT,
    httpPort: given.COUNTERSIGN_GATEWAY_HTTP_PORT,
    gatewayId: given.COUNTERSIGN_GATEWAY_ID,
    spoolFolder: path.resolve(
      given.COUNTERSIGN_GATEWAY_SPOOL ?? path.join(given.COUNTERSIGN_HOME, 'gateway/spool'),
    ),
    spoolMaxBytes: given.COUNTERSIGN_SPOOL_MAX_BYTES,
    eventLog: readEventLogSettings(environment),
    secureContext: secureContextOf(given.COUNTERSIGN_GATEWAY_TLS_CERT, given.COUNTERSIGN_GATEWAY_TLS_KEY),
    signingKey: fileSetting(
      'COUNTERSIGN_GATEWAY_SIGNING_KEY',
      given.COUNTERSIGN_GATEWAY_SIGNING_KEY,
      parseSigningKey,
    ),
    decisionKeys: fileSetting('COUNTERSIGN_DECISION_KEYS', given.COUNTERSIGN_DECISION_KEYS, parseTrustedKeys),
    targets,
    policy: policyOf(given.COUNTERSIGN_POLICY, given.COUNTERSIGN_REVIEWERS),
  };
}

const policyOf = (file: string | undefined, reviewers: string): Policy =>
  file === undefined
    ? loadBuiltinPolicy({ reviewers })
    : fileSetting('COUNTERSIGN_POLICY', file, (text) => loadPolicy({ text, file, reviewers }));

/** TLS 1.2 and up, as PostgreSQL 18 does by default. */
function secureContextOf(certificateFile: string, keyFile: string): SecureContext {
  const cert = fileSetting('COUNTERSIGN_GATEWAY_TLS_CERT', certificateFile, (text) => text);
  return fileSetting('COUNTERSIGN_GATEWAY_TLS_KEY', keyFile, (key) =>
    createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
  );
}
