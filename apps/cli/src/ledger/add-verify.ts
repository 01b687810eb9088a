import type { Command } from 'commander';
import { verifyLedger } from '#libs/ledger/verify/verify-ledger.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { findAuditCaller } from '../installation/caller.js';
import { writeLine, type Terminal } from '../terminal.js';
import { databaseUrl, givenVkey, trustFolder, trustIfThere } from './ledger-places.js';
import { printReport } from './print-report.js';
import { progressBar } from './progress-bar.js';
import { logAt, logsOfReadyFile, verifyPublished, type PayloadAccess } from './verify-http.js';
import { verifyProofFile } from './verify-proof.js';

interface VerifyFlags {
  readonly trust?: string;
  readonly url?: string;
  readonly http?: boolean;
  readonly vkey?: string;
  readonly proof?: string;
  readonly old?: string;
  readonly payloads: boolean;
}

/** `countersign ledger verify`: over the database, over HTTP, or one proof, offline. */
export function addVerify(ledger: Command, terminal: Terminal, options: () => GlobalOptions): void {
  ledger
    .command('verify')
    .description('check every byte; exit status 0 only when the verdict is OK')
    .option('--trust <folder>', 'keys and last checkpoints kept outside the database')
    .option('--url <log>', 'verify this log as it is served over HTTP instead of the database')
    .option('--http', 'verify every log of ready.json over HTTP')
    .option(
      '--no-payloads',
      'leave payloads out, which audit gives to compliance only (with --http or --url)',
    )
    .option('--vkey <key>', 'the key to trust, or a file that holds it (with --url or --proof)')
    .option('--proof <file>', 'verify a file that ledger prove wrote, offline')
    .option('--old <file>', 'the older checkpoint of a consistency proof')
    .action(async (flags: VerifyFlags) => {
      const ways = [flags.url !== undefined, flags.http === true, flags.proof !== undefined];
      if (ways.filter(Boolean).length > 1)
        throw new CommandError('--url, --http and --proof exclude one another', 2);
      if (flags.proof !== undefined) return proof(terminal, flags, flags.proof, options().json);
      if (flags.url !== undefined || flags.http === true) return http(terminal, flags, options());
      return database(terminal, flags, options().json);
    });
}

async function database(terminal: Terminal, flags: VerifyFlags, json: boolean | undefined): Promise<void> {
  const bar = progressBar(terminal);
  const report = await verifyLedger({
    url: await databaseUrl(terminal),
    trustFolder: await trustFolder(terminal, flags.trust),
    onProgress: bar.show,
  });
  bar.end();
  await printReport(terminal, report, json);
}

async function http(terminal: Terminal, flags: VerifyFlags, { as, json }: GlobalOptions): Promise<void> {
  const trust = await trustIfThere(terminal, flags.trust);
  const vkey = flags.vkey === undefined ? undefined : await givenVkey(flags.vkey);
  const logs =
    flags.url === undefined ? await logsOfReadyFile(terminal, trust) : [logAt(flags.url, vkey, trust)];
  const access = flags.payloads ? await payloadAccess(terminal, flags, as) : undefined;
  await printReport(terminal, await verifyPublished(terminal, logs, trust, access), json);
}

/** As whom payloads are asked for: `--as`, COUNTERSIGN_TOKEN, else carol in development. */
async function payloadAccess(
  { environment }: Terminal,
  { url }: VerifyFlags,
  as: string | undefined,
): Promise<PayloadAccess | undefined> {
  try {
    return await findAuditCaller(environment, as);
  } catch (error) {
    // A log anywhere needs no stack here, however broken; only who names somebody wants the payloads as well.
    if (url !== undefined && as === undefined && error instanceof CommandError) return undefined;
    throw error;
  }
}

async function proof(
  terminal: Terminal,
  flags: VerifyFlags,
  file: string,
  json: boolean | undefined,
): Promise<void> {
  const keys =
    flags.vkey === undefined
      ? ((await trustIfThere(terminal, flags.trust))?.logs ?? [])
      : [await givenVkey(flags.vkey)];
  const report = await verifyProofFile(file, keys, flags.old);
  await printReport(terminal, report, json, 'the proof');
  if (json !== true && report.proven !== undefined)
    for (const [name, value] of Object.entries(report.proven))
      await writeLine(terminal.out, `  ${name.padEnd(12)} ${value}`);
}
