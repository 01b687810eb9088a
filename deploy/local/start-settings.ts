import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { parseTargets } from '#libs/contracts/targets.js';
import { readKafkaSecurity } from '#libs/event-log/kafka-security-settings.js';
import { eventLogSettingsShape } from '#libs/event-log/settings.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import { loadPolicy } from '#libs/policy/load-policy.js';
import { portSetting, readSettings, SettingError } from '#libs/kernel/settings.js';

type Environment = Readonly<Record<string, string | undefined>>;

const databaseUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol),
    'must be a URL such as postgresql://owner:password@host:5432/database',
  )
  .refine(
    (text) => !URL.canParse(text) || new URL(text).pathname.length > 1,
    'must name a database, as postgresql://host/database',
  );

const settingsSchema = z.object({
  ...eventLogSettingsShape,
  COUNTERSIGN_GATEWAY_PORT: portSetting.optional(),
  COUNTERSIGN_GATEWAY_HTTP_PORT: portSetting.optional(),
  COUNTERSIGN_APPROVALS_PORT: portSetting.optional(),
  COUNTERSIGN_AUDIT_PORT: portSetting.optional(),
  COUNTERSIGN_IDP_PORT: portSetting.optional(),
  COUNTERSIGN_PLATFORM_PORT: portSetting.optional(),
  COUNTERSIGN_TARGET_PORT: portSetting.optional(),
  DATABASE_URL: databaseUrl.optional(),
  COUNTERSIGN_TARGETS: z.string().optional(),
  COUNTERSIGN_POLICY: z.string().optional(),
  COUNTERSIGN_REVIEWERS: z.string().max(256).optional(),
  COUNTERSIGN_TENANT: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'may have letters, digits, ".", "-" and "_" only, 64 at most')
    .default('default'),
});

export type StartSettings = z.output<typeof settingsSchema> & {
  /** COUNTERSIGN_TARGETS as it reads, and the names in it; undefined where the sample is the target. */
  readonly targets: { readonly text: string; readonly names: readonly string[] } | undefined;
};

/** Reads and checks what `npm start` takes from the environment. Files become absolute paths. */
export async function readStartSettings(environment: Environment): Promise<StartSettings> {
  const settings = readSettings(settingsSchema, environment);
  if (settings.KAFKA_BROKERS !== undefined) readKafkaSecurity(environment, settings.KAFKA_BROKERS);
  const policy = await readableFile('COUNTERSIGN_POLICY', settings.COUNTERSIGN_POLICY);
  if (policy !== undefined) await requirePolicy(policy, settings.COUNTERSIGN_REVIEWERS);
  const targets = await readableFile('COUNTERSIGN_TARGETS', settings.COUNTERSIGN_TARGETS);
  return {
    ...settings,
    COUNTERSIGN_TARGETS: targets,
    COUNTERSIGN_POLICY: policy,
    targets: targets === undefined ? undefined : await readTargets(targets, environment),
  };
}

async function readTargets(
  file: string,
  environment: Environment,
): Promise<{ text: string; names: string[] }> {
  const text = await readFile(file, 'utf8');
  try {
    return { text, names: [...parseTargets(text, environment).keys()] };
  } catch (error) {
    throw new SettingError('COUNTERSIGN_TARGETS', `${file}: ${messageOf(error).split('\n')[0]}`);
  }
}

/** The services would refuse it as well, but only once everything else has started. */
async function requirePolicy(file: string, reviewers: string | undefined): Promise<void> {
  const text = await readFile(file, 'utf8');
  try {
    loadPolicy({ text, file, ...(reviewers === undefined ? {} : { reviewers }) });
  } catch (error) {
    throw new SettingError('COUNTERSIGN_POLICY', messageOf(error));
  }
}

async function readableFile(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const absolute = path.resolve(file);
  try {
    await access(absolute, constants.R_OK);
    return absolute;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no file' : 'cannot read';
    throw new SettingError(variable, `${why} ${absolute}`);
  }
}
