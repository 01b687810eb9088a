import type { VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { CommandError } from '../command-error.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';

/** Prints what a verification found; throws unless its verdict is OK, so that the exit status says it too. */
export async function printReport(
  terminal: Terminal,
  report: VerifyReport,
  json: boolean | undefined,
  what = 'the ledger',
): Promise<void> {
  if (json === true) await writeJson(terminal, report);
  else await writeLine(terminal.out, reportText(terminal, report));
  if (report.verdict !== 'OK') throw new CommandError(`${what} is ${report.verdict}, not OK`);
}

function reportText(terminal: Terminal, { verdict, entries, findings, notices }: VerifyReport): string {
  const lines = [
    `${coloured(terminal.out, verdict === 'OK' ? 'green' : 'red', verdict)}: ${entries} ${entries === 1 ? 'entry' : 'entries'} verified`,
  ];
  const rows = findings.map(({ kind, chain, seq, detail }) => [
    kind,
    chain,
    seq === undefined ? '' : String(seq),
    oneLine(detail, 200),
  ]);
  if (rows.length > 0) lines.push(table(['FINDING', 'CHAIN', 'SEQ', 'DETAIL'], rows));
  for (const notice of notices ?? []) lines.push(`notice: ${oneLine(notice, 200)}`);
  return lines.join('\n');
}
