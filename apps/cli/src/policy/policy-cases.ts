import { parse } from 'yaml';
import { z } from 'zod';
import { identityKinds } from '#libs/contracts/identity.js';
import { effects } from '#libs/contracts/events/statement-events.js';
import { CommandError } from '../command-error.js';

const identitySource = z.strictObject({
  groups: z.array(z.string()).default([]),
  kind: z.enum(identityKinds).default('human'),
  onBehalfOf: z.string().optional(),
});

const targetSource = z.strictObject({
  environment: z.string(),
  database: z.string().optional(),
});

const expectation = z.union([
  z.enum(effects).transform((effect) => ({ effect })),
  z.strictObject({
    effect: z.enum(effects).optional(),
    rule: z.string().optional(),
    flags: z.array(z.string()).optional(),
    risk: z.int().optional(),
    reviewers: z
      .array(z.strictObject({ group: z.string(), count: z.int(), or: z.array(z.string()).optional() }))
      .optional(),
  }),
]);

const caseSource = z.strictObject({
  name: z.string().optional(),
  sql: z.string(),
  identity: z.string().optional(),
  target: z.string().optional(),
  at: z.string().optional(),
  insideTransaction: z.boolean().optional(),
  applicationName: z.string().optional(),
  clientAddress: z.string().optional(),
  expect: expectation,
});

const casesSource = z.strictObject({
  /** The policy under test, beside this file; absent: the file's own name without `.test`, else the one in force. */
  policy: z.string().optional(),
  identities: z.record(z.string(), identitySource).default({}),
  targets: z.record(z.string(), targetSource).default({}),
  /** Taken where a case names none. */
  identity: z.string().optional(),
  target: z.string().optional(),
  cases: z.array(caseSource).min(1),
});

export type PolicyCases = z.output<typeof casesSource>;
export type PolicyCase = z.output<typeof caseSource>;

/** The cases of a file. Throws CommandError, one line, for the first thing that is wrong. */
export function readCases(text: string, file: string): PolicyCases {
  let plain: unknown;
  try {
    plain = parse(text);
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
  const result = casesSource.safeParse(plain);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const where = [...(issue?.path ?? []), ...unknown].map(String).join('.');
  throw new CommandError(
    `${file}: ${where === '' ? '' : `${where}: `}${unknown.length > 0 ? 'is not a key that exists' : (issue?.message ?? 'is not valid')}`,
  );
}
