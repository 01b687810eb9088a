import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { homeFolder, requireReadyFile } from '../installation/ready-file.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';
import { checkDatabases } from './check-databases.js';
import { checkEventLog } from './check-event-log.js';
import { checkHome } from './check-home.js';
import { checkMail } from './check-mail.js';
import { checkServices } from './check-services.js';
import { checkSlack } from './check-slack.js';

/** `countersign doctor`: what a stack needs, looked at one by one. Exit status 0 when all is well. */
export function addDoctor(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  program
    .command('doctor')
    .description('targets, event log, clocks, keys, spool room, Slack, e-mail')
    .action(async () => {
      const ready = await requireReadyFile(terminal.environment);
      const checks = (
        await Promise.all([
          checkServices(ready),
          checkDatabases(ready, terminal.now),
          checkEventLog(ready),
          checkHome(homeFolder(terminal.environment), terminal.now),
          checkSlack(homeFolder(terminal.environment), terminal.environment, terminal.now),
          checkMail(homeFolder(terminal.environment), terminal.environment),
        ])
      ).flat();
      const wrong = checks.filter(({ ok }) => !ok);
      if (options().json === true) await writeJson(terminal, { ok: wrong.length === 0, checks });
      else {
        const rows = checks.map(({ name, ok, detail }) => [ok ? 'ok' : 'BAD', name, oneLine(detail, 400)]);
        const lines = table(['', 'CHECK', 'FOUND'], rows).split('\n');
        await writeLine(
          terminal.out,
          lines
            .map((line) => (line.startsWith('BAD') ? coloured(terminal.out, 'red', line) : line))
            .join('\n'),
        );
      }
      if (wrong.length > 0)
        throw new CommandError(
          `${wrong.length} of ${checks.length} checks failed: ${wrong.map(({ name }) => name).join(', ')}`,
        );
    });
}
