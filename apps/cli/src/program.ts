import { Command, CommanderError } from 'commander';
import { messageOf } from '#libs/kernel/coded-error.js';
import { CommandError } from './command-error.js';
import { addDoctor } from './doctor/command.js';
import { addEvents } from './events/command.js';
import type { GlobalOptions } from './global-options.js';
import { addLedger } from './ledger/command.js';
import { addPolicy } from './policy/command.js';
import { addPsql } from './psql/command.js';
import { addRequests } from './requests/commands.js';
import { addSlack } from './slack/command.js';
import { coloured, hasOutput, write, writeJson, type Terminal } from './terminal.js';

/** Runs one command line (without the program's own name) and returns the exit status. */
export async function runCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('countersign')
    .description('Who let this statement touch production, and can you prove it?')
    .option(
      '--as <name>',
      'act as this sample identity (development; without it, and without COUNTERSIGN_TOKEN, carol)',
    )
    .option('--json', 'print exactly one JSON document')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
      outputError: (text, write) =>
        write(
          `countersign: ${text
            .replace(/^error: /, '')
            .trimEnd()
            .replaceAll(/\s*\n\s*/g, ' ')}\n`,
        ),
    });
  // Program options are known before and after a command; what they say is asked when it runs.
  const options = (): GlobalOptions => program.opts<GlobalOptions>();
  for (const add of [addRequests, addEvents, addLedger, addPolicy, addPsql, addSlack, addDoctor])
    add(program, terminal, options);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
    // One document, whatever happens: where the command printed none, what went wrong.
    if (argv.includes('--json') && message !== '' && !hasOutput(terminal))
      await writeJson(terminal, { error: message.replace(/^error: /, '') });
    if (error instanceof CommanderError) return 2;
    if (message !== '')
      await write(terminal.err, `${coloured(terminal.err, 'red', 'countersign:')} ${message}\n`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}
