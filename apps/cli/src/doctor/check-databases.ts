import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { connectClient } from '#libs/postgres/client.js';
import { check, type CheckResult } from './check.js';

/** A difference of clocks above this is a finding, ms: decisions allow 30 s of skew. */
const MAX_SKEW_MS = 5_000;

/** The platform database, its clock beside ours, and each target that can be reached directly. */
export const checkDatabases = (ready: ReadyFile, now: () => number): Promise<CheckResult[]> =>
  Promise.all([
    check('platform database', () => versionOf(ready.platform.adminUrl)),
    check('clocks', () => skewOf(ready.platform.adminUrl, now)),
    ...Object.entries(ready.targets).map(([name, { adminUrl }]) =>
      check(`target ${name}`, () => versionOf(adminUrl)),
    ),
  ]);

async function versionOf(url: string): Promise<string> {
  return ask(url, 'SHOW server_version', (value) => `PostgreSQL ${value}`);
}

async function skewOf(url: string, now: () => number): Promise<string> {
  const before = now();
  const skew = await ask(
    url,
    'SELECT extract(epoch FROM clock_timestamp()) * 1000',
    (value) => Number(value) - (before + now()) / 2,
  );
  const text = `${Math.abs(Math.round(skew))} ms ${skew < 0 ? 'behind' : 'ahead of'} this machine`;
  if (Math.abs(skew) > MAX_SKEW_MS) throw new Error(`the platform database is ${text}: set the clocks`);
  return `the platform database is ${text}`;
}

async function ask<T>(url: string, query: string, read: (value: string) => T): Promise<T> {
  const client = await connectClient(url, 'countersign doctor');
  try {
    const { rows } = await client.query<string[]>({ text: query, rowMode: 'array' });
    return read(String(rows[0]?.[0]));
  } finally {
    await client.end();
  }
}
