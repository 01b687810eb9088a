import { runCommand } from './program.js';

// A reader that has seen enough (countersign events | head) is no failure of ours to report.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  out: process.stdout,
  err: process.stderr,
  now: () => Date.now(),
});
