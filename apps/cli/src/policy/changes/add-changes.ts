import { Option, type Command } from 'commander';
import { CommandError } from '../../command-error.js';
import type { GlobalOptions } from '../../global-options.js';
import { Api } from '../../installation/api.js';
import { findCaller } from '../../installation/caller.js';
import { writeJson, writeLine, type Terminal } from '../../terminal.js';
import { textOf } from '../text-file.js';
import type { ChangeDocument } from './change-document.js';
import { ChangesApi } from './changes-api.js';
import { changeLine, changeTable, changeText } from './print-change.js';

const STATES = ['pending', 'accepted', 'refused', 'expired', 'superseded', 'forced'];

/** `policy changes …`: what waits for signatures before it is in force, where the policy asks for that. */
export function addChanges(policy: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const api = async (): Promise<ChangesApi> => {
    const caller = await findCaller(terminal.environment, options().as);
    return new ChangesApi(new Api(caller.approvalsUrl, caller.token, 'approvals'));
  };
  const print = async (
    change: ChangeDocument,
    shown: (terminal: Terminal, change: ChangeDocument) => string,
  ): Promise<void> =>
    options().json ? writeJson(terminal, change) : writeLine(terminal.out, shown(terminal, change));

  const changes = policy
    .command('changes')
    .description('changes of policy that wait for, or had, signatures: list, show, propose, approve, deny');

  changes
    .command('list')
    .description('newest first; every state without --state')
    .addOption(new Option('--state <state>', 'only these').choices(STATES))
    .action(async ({ state }: { state?: string }) => {
      const found = await (await api()).list(state);
      if (options().json) await writeJson(terminal, { changes: found });
      else await writeLine(terminal.out, changeTable(terminal, found));
    });

  changes
    .command('show <id>')
    .description('one change, with the lines that differ')
    .action(async (id: string) => print(await (await api()).find(id), changeText));

  changes
    .command('propose <file>')
    .description('propose this policy under your own name, where the policy in force takes changes this way')
    .option('--reason <text>', 'why; else the reason that the file gives under change')
    .action(async (file: string, { reason }: { reason?: string }) =>
      print(await (await api()).propose(await textOf(file), reason), changeLine),
    );

  changes
    .command('approve <id>')
    .description('sign for it; the last signature puts it in force')
    .option('--reason <text>', 'why; the ledger keeps it')
    .action(async (id: string, { reason }: { reason?: string }) => {
      const vote = { decision: 'approve' as const, ...(reason === undefined ? {} : { reason }) };
      await print(await (await api()).vote(id, vote), changeLine);
    });

  changes
    .command('deny <id>')
    .description('refuse it: the policy in force stays')
    .option('--reason <text>', 'why (required)')
    .action(async (id: string, { reason }: { reason?: string }) => {
      if (reason === undefined || reason.trim() === '')
        throw new CommandError('deny needs a reason: add --reason "…"');
      await print(await (await api()).vote(id, { decision: 'deny', reason }), changeLine);
    });
}
