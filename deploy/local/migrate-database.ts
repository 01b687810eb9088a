import { z } from 'zod';
import { messageOf } from '#libs/kernel/coded-error.js';
import { readSettings } from '#libs/kernel/settings.js';
import { migratePlatform } from './platform-database.js';

/** `npm run migrate`: brings the schema of DATABASE_URL, given as its owner, to this version. */
async function main(): Promise<void> {
  const { DATABASE_URL } = readSettings(z.object({ DATABASE_URL: z.string() }), process.env);
  const applied = await migratePlatform(DATABASE_URL);
  console.log(
    applied === 0
      ? 'The schema is up to date.'
      : `Applied ${applied} ${applied === 1 ? 'migration' : 'migrations'}.`,
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`countersign: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
