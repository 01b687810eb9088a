import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { hasCode } from '#libs/kernel/coded-error.js';
import { verifyLedger, type VerifyProgress, type VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { homeFolder, requireReadyFile } from '../installation/ready-file.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';

/** The shortest time between two lines of progress, ms. */
const PROGRESS_MS = 1_000;

/** `countersign ledger …`: proofs that need no service and write nothing. */
export function addLedger(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const ledger = program.command('ledger').description('verify what was sealed');
  ledger
    .command('verify')
    .description('check every byte; exit status 0 only when the verdict is OK')
    .option('--trust <folder>', 'keys and last checkpoints kept outside the database')
    .action(async ({ trust }: { trust?: string }) => {
      const report = await verifyLedger({
        url: await databaseUrl(terminal),
        trustFolder: await trustFolder(terminal, trust),
        onProgress: progressOn(terminal),
      });
      if (options().json === true) await writeJson(terminal, report);
      else await writeLine(terminal.out, reportText(terminal, report));
      if (report.verdict !== 'OK') throw new CommandError(`the ledger is ${report.verdict}, not OK`);
    });
}

async function databaseUrl({ environment }: Terminal): Promise<string> {
  const given = environment['DATABASE_URL'];
  if (given !== undefined && given !== '') {
    if (/^postgres(ql)?:\/\//.test(given)) return given;
    throw new CommandError('DATABASE_URL: must be a postgresql:// URL');
  }
  return (await requireReadyFile(environment)).platform.adminUrl;
}

async function trustFolder({ environment }: Terminal, given: string | undefined): Promise<string> {
  const folder = path.resolve(
    given ?? (environment['COUNTERSIGN_TRUST'] || path.join(homeFolder(environment), 'trust')),
  );
  const found = await stat(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found?.isDirectory() === true) return folder;
  throw new CommandError(`there is no folder ${folder} with keys and checkpoints: name it with --trust`);
}

function progressOn(terminal: Terminal): (progress: VerifyProgress) => void {
  let last = terminal.now();
  return ({ chain, entries, total }) => {
    if (terminal.now() - last < PROGRESS_MS) return;
    last = terminal.now();
    terminal.err.write(`${entries} of ${total} entries, now ${chain}\n`);
  };
}

function reportText(terminal: Terminal, { verdict, entries, findings }: VerifyReport): string {
  const first = `${coloured(terminal.out, verdict === 'OK' ? 'green' : 'red', verdict)}: ${entries} ${entries === 1 ? 'entry' : 'entries'} verified`;
  if (findings.length === 0) return first;
  const rows = findings.map(({ kind, chain, seq, detail }) => [
    kind,
    chain,
    seq === undefined ? '' : String(seq),
    oneLine(detail, 200),
  ]);
  return `${first}\n${table(['FINDING', 'CHAIN', 'SEQ', 'DETAIL'], rows)}`;
}
