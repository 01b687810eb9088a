import { z } from 'zod';

const urlSchema = z.string().min(1);

/**
 * ready.json: what a started stack tells scripts, tests and the command line. Written whole by the
 * supervisor; a process that is brought back alone corrects its own line. It holds secrets: mode 0600.
 */
export const readyFileSchema = z.object({
  gateway: z.object({
    postgres: z.object({ host: z.string(), port: z.int(), ca: z.string() }),
    /** Health and metrics. */
    url: urlSchema,
  }),
  approvals: z.object({ url: urlSchema }),
  audit: z.object({
    url: urlSchema,
    logs: z.array(z.object({ origin: z.string(), url: urlSchema, vkey: z.string() })),
  }),
  idp: z.object({ issuer: urlSchema }),
  /** A superuser's URL of each target this stack started itself. */
  targets: z.record(z.string(), z.object({ adminUrl: urlSchema })),
  platform: z.object({ adminUrl: urlSchema }),
  eventLog: z.object({ kind: z.enum(['embedded', 'kafka']), brokers: z.array(z.string()) }),
  processes: z.array(z.object({ name: z.string(), pid: z.int() })),
  identities: z.array(
    z.object({
      name: z.string(),
      groups: z.array(z.string()),
      /** A token for the gateway: what goes into PGPASSWORD. */
      password: z.string(),
      /** A bearer token for the HTTP APIs. */
      token: z.string(),
      slackUserId: z.string().optional(),
    }),
  ),
});

export type ReadyFile = z.output<typeof readyFileSchema>;
