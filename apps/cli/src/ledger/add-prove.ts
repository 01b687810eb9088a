import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { isUuid } from '#libs/kernel/uuid.js';
import { proveEntry } from '#libs/ledger/prove/prove-entry.js';
import { proveGrowth } from '#libs/ledger/prove/prove-growth.js';
import { readTrustFolder } from '#libs/ledger/trust-folder.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { write, writeJson, writeLine, type Terminal } from '../terminal.js';
import { databaseUrl, trustFolder } from './ledger-places.js';

interface ProveFlags {
  readonly out?: string;
  readonly trust?: string;
  readonly payload: boolean;
  readonly chain?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `countersign ledger prove`: that an event is sealed, or that a chain only grew. */
export function addProve(ledger: Command, terminal: Terminal, options: () => GlobalOptions): void {
  ledger
    .command('prove')
    .argument('[event id]', 'the event to prove')
    .description('prove that an event is sealed, or that a chain only grew since one of its checkpoints')
    .option('--out <folder>', 'write the proof and the bytes it is about into files there')
    .option('--no-payload', 'leave salt and payload out')
    .option('--chain <chain>', 'with --from: the chain, such as statements/0')
    .option('--from <size>', 'the size of the older checkpoint')
    .option('--to <size>', 'the size of the newer checkpoint (default: the newest)')
    .option('--trust <folder>', 'the keys that are trusted')
    .action(async (eventId: string | undefined, flags: ProveFlags) => {
      const url = await databaseUrl(terminal);
      const { logs } = await readTrustFolder(await trustFolder(terminal, flags.trust));
      const { json } = options();
      if (flags.from !== undefined || flags.chain !== undefined) {
        if (eventId !== undefined || flags.from === undefined || flags.chain === undefined)
          throw new CommandError('give either an event id, or --chain and --from', 2);
        const to = flags.to === undefined ? undefined : sizeOf('--to', flags.to);
        return growth(
          terminal,
          flags,
          await proveGrowth(url, flags.chain, sizeOf('--from', flags.from), to, logs),
          json,
        );
      }
      if (eventId === undefined || !isUuid(eventId))
        throw new CommandError('the event id must be a lower-case UUID', 2);
      return entry(terminal, flags, await proveEntry(url, eventId, logs), json);
    });
}

async function entry(
  terminal: Terminal,
  flags: ProveFlags,
  proof: Awaited<ReturnType<typeof proveEntry>>,
  json: boolean | undefined,
): Promise<void> {
  const { eventId, chain, seq, size, vkey, salt, payload } = proof;
  const open = flags.payload && salt !== undefined && payload !== undefined ? { salt, payload } : undefined;
  const files =
    flags.out === undefined
      ? []
      : await writeFiles(flags.out, {
          [`${eventId}.tlog-proof`]: proof.proof,
          [`${eventId}.entry`]: proof.entry,
          ...(open === undefined
            ? {}
            : { [`${eventId}.salt`]: open.salt, [`${eventId}.payload`]: open.payload }),
        });
  if (json === true)
    return writeJson(terminal, {
      eventId,
      chain,
      seq: Number(seq),
      size: Number(size),
      vkey,
      proof: proof.proof.toString('utf8'),
      entry: proof.entry.toString('base64'),
      ...(open === undefined
        ? {}
        : { salt: open.salt.toString('base64'), payload: open.payload.toString('base64') }),
      ...(flags.out === undefined ? {} : { files }),
    });
  if (flags.out === undefined) return write(terminal.out, proof.proof.toString('utf8'));
  await writeLine(
    terminal.out,
    `entry ${seq} of ${chain}, under the checkpoint of size ${size}:\n${files.map((file) => `  ${file}`).join('\n')}\n` +
      `check it anywhere: countersign ledger verify --proof ${files[0]} --vkey ${vkey}`,
  );
}

async function growth(
  terminal: Terminal,
  flags: ProveFlags,
  proof: Awaited<ReturnType<typeof proveGrowth>>,
  json: boolean | undefined,
): Promise<void> {
  const { chain, from, to, vkey } = proof;
  const stem = `${chain.replaceAll('/', '-')}-${from}-${to}`;
  const files =
    flags.out === undefined
      ? []
      : await writeFiles(flags.out, { [`${stem}.consistency`]: proof.proof, [`${stem}.old`]: proof.old });
  if (json === true)
    return writeJson(terminal, {
      chain,
      from: Number(from),
      to: Number(to),
      vkey,
      proof: proof.proof.toString('utf8'),
      old: proof.old.toString('utf8'),
      ...(flags.out === undefined ? {} : { files }),
    });
  if (flags.out === undefined) return write(terminal.out, proof.proof.toString('utf8'));
  await writeLine(
    terminal.out,
    `${chain} only grew from size ${from} to size ${to}:\n${files.map((file) => `  ${file}`).join('\n')}\n` +
      `check it anywhere: countersign ledger verify --proof ${files[0]} --vkey ${vkey}`,
  );
}

/** Payloads are what the ledger keeps from most people: readable by their owner only. */
async function writeFiles(folder: string, contents: Readonly<Record<string, Buffer>>): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const [name, bytes] of Object.entries(contents)) {
    const file = path.join(folder, name);
    await writeFile(file, bytes, { mode: 0o600 });
    files.push(file);
  }
  return files;
}

function sizeOf(option: string, value: string): bigint {
  if (/^(0|[1-9][0-9]{0,17})$/.test(value)) return BigInt(value);
  throw new CommandError(`${option}: must be a size, a whole number`, 2);
}
