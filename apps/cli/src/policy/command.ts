import type { Command } from 'commander';
import type { GlobalOptions } from '../global-options.js';
import type { Terminal } from '../terminal.js';
import { addChanges } from './changes/add-changes.js';
import { addCheck } from './add-check.js';
import { addExplain } from './add-explain.js';
import { addReplay } from './add-replay.js';
import { addTest } from './add-test.js';

/** `countersign policy …`: what a policy says, before it is in force and after. */
export function addPolicy(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const policy = program
    .command('policy')
    .description('look at a policy, and sign for the next: check, explain, test, replay, changes');
  for (const add of [addCheck, addExplain, addTest, addReplay, addChanges]) add(policy, terminal, options);
}
