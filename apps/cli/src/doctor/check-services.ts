import { z } from 'zod';
import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { discoverJwksUri } from '#libs/identity/token-verifier.js';
import { check, type CheckResult } from './check.js';

const reportSchema = z.object({
  ready: z.boolean(),
  checks: z.record(z.string(), z.string()),
  notes: z.record(z.string(), z.string()).optional(),
});

/** Whether each service says of itself that it can work, and what it says. */
export const checkServices = (ready: ReadyFile): Promise<CheckResult[]> =>
  Promise.all([
    check('gateway', () => readiness('gateway', ready.gateway.url)),
    check('approvals', () => readiness('approvals', ready.approvals.url)),
    check('audit', () => readiness('audit', ready.audit.url)),
    check('idp', () => discoverJwksUri(ready.idp.issuer)),
  ]);

async function readiness(name: string, url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => {
    throw new Error(`does not answer at ${url}: bring it back with npm run start:${name}`);
  });
  const report = reportSchema.parse(await response.json());
  const wrong = Object.entries(report.checks).filter(([, state]) => state !== 'ok');
  const notes = Object.entries(report.notes ?? {}).map(([what, note]) => `; ${what}: ${note}`);
  if (report.ready && wrong.length === 0)
    return `ready: ${Object.keys(report.checks).join(', ') || 'all'}${notes.join('')}`;
  throw new Error(`not ready: ${wrong.map(([name, state]) => `${name}: ${state}`).join('; ')}`);
}
