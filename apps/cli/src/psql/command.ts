import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { identityNamed } from '../installation/caller.js';
import { requireReadyFile } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';

/** `countersign psql`: psql through the gateway, as `--as`. What it does not know goes to psql. */
export function addPsql(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  program
    .command('psql')
    .description('psql through the gateway; other options go to psql, such as -c "SELECT 1"')
    .option('--target <name>', 'the target, or target/database')
    .argument('[arguments...]', 'for psql')
    .allowUnknownOption()
    .action(async (args: string[], { target }: { target?: string }) => {
      const ready = await requireReadyFile(terminal.environment);
      const { name, password } = identityNamed(ready, options().as ?? 'carol');
      const database = target ?? Object.keys(ready.targets)[0];
      if (database === undefined) throw new CommandError('name the target: --target <name>');
      const { host, port, ca } = ready.gateway.postgres;
      const code = await run('psql', args, {
        ...terminal.environment,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: name,
        PGPASSWORD: password,
        PGDATABASE: database,
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: ca,
      });
      if (code !== 0) throw new CommandError('', code);
    });
}

function run(command: string, args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: environment, stdio: 'inherit' });
    // Ctrl-C belongs to psql: it cancels the statement there, and must not end what waits for it here.
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'ENOENT'
            ? 'psql is not installed: install PostgreSQL’s client (Debian: apt install postgresql-client)'
            : error.message,
        ),
      ),
    );
    child.once('exit', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}
