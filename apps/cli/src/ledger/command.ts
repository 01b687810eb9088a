import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import type { Terminal } from '../terminal.js';
import { addAttack } from './add-attack.js';
import { addProve } from './add-prove.js';
import { addVerify } from './add-verify.js';

/** `countersign ledger …`: proofs that need no service and write nothing into the ledger. */
export function addLedger(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const ledger = program.command('ledger').description('verify and prove what was sealed');
  addVerify(ledger, terminal, options);
  addProve(ledger, terminal, options);
  addAttack(ledger, terminal, options);
  ledger
    .command('export')
    .description('evidence packages: not in this version')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw new CommandError(
        'ledger export is not in this version: ledger prove gives one event with its proof',
      );
    });
}
