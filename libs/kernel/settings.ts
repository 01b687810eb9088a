import { z } from 'zod';

/** A setting that is missing or wrong. The message is one line and names the variable and what to do. */
export class SettingError extends Error {
  constructor(
    readonly variable: string,
    problem: string,
  ) {
    super(`${variable}: ${problem}`);
    this.name = 'SettingError';
  }
}

/**
 * Reads settings from the environment by a schema whose keys are the variables' names. An empty
 * variable counts as absent. Throws SettingError for the first one that is wrong.
 */
export function readSettings<S extends z.ZodObject>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = environment[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const variable = String(issue?.path[0] ?? 'settings');
  const problem =
    given[variable] === undefined ? 'is required but not set' : (issue?.message ?? 'is not valid');
  throw new SettingError(variable, problem);
}

/** A TCP port, 1 to 65535. */
export const portSetting = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'must be a port number from 1 to 65535')
  .transform(Number)
  .refine((port) => port >= 1 && port <= 65535, 'must be a port number from 1 to 65535');

/** A length of time such as `500ms`, `30s`, `15m` or `2h`; becomes milliseconds. */
export const durationSetting = z.string().transform((text, context) => {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: 'custom', message: 'must be a length of time such as 500ms, 30s, 15m or 2h' });
  return z.NEVER;
});

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds in `15m` and the like; undefined when the text is not a length of time. */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : UNIT_MS[match[2]];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/**
 * What each group has, of a text such as `dba=C0DBA,security=C0SEC`. The last = of an entry separates, so a group's
 * name may have one. undefined where an entry is no such pair, its value is not `valid` or a group stands twice.
 */
export function readPairs(text: string, valid: (value: string) => boolean): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (const entry of text.split(',').map((each) => each.trim())) {
    if (entry === '') continue;
    const equals = entry.lastIndexOf('=');
    const [group, value] = [entry.slice(0, equals).trim(), entry.slice(equals + 1).trim()];
    if (equals < 1 || group === '' || !valid(value) || pairs.has(group)) return undefined;
    pairs.set(group, value);
  }
  return pairs;
}
