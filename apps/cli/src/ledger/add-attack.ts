import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { playAttacks, type Score, type ScoreCard } from '#libs/ledger/attack/play-attacks.js';
import { connectClient } from '#libs/postgres/client.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { oneLine, table } from '../output/table.js';
import { coloured, writeJson, writeLine, type Terminal } from '../terminal.js';
import { databaseUrl, trustFolder } from './ledger-places.js';

interface AttackFlags {
  readonly copy?: boolean;
  readonly server?: string;
  readonly embedded?: boolean;
  readonly trust?: string;
  readonly seed?: string;
  readonly placements?: string;
}

/** `countersign ledger attack --copy`: shows that the verifier finds what it says it finds. */
export function addAttack(ledger: Command, terminal: Terminal, options: () => GlobalOptions): void {
  ledger
    .command('attack')
    .description('play every known attack against a copy of the ledger and print how each was found')
    .option('--copy', 'attack a copy, which is deleted in the end (there is no other way)')
    .option('--server <url>', 'make the copy on this server: a superuser’s URL (default: the ledger’s own)')
    .option('--embedded', 'make the copy in a PostgreSQL of its own, started for it')
    .option('--trust <folder>', 'keys and last checkpoints kept outside the database')
    .option('--seed <number>', 'play the same placements again')
    .option('--placements <number>', 'random places for each attack', '1')
    .action(async (flags: AttackFlags) => {
      if (flags.copy !== true)
        throw new CommandError('say --copy: the ledger itself is never attacked, only a copy of it', 2);
      const originalUrl = await databaseUrl(terminal);
      const folder = await trustFolder(terminal, flags.trust);
      const seed = flags.seed === undefined ? randomInt(2 ** 31) : wholeNumber('--seed', flags.seed);
      const placements = wholeNumber('--placements', flags.placements ?? '1');
      const { json } = options();
      if (json !== true) await writeLine(terminal.out, `seed ${seed}`);
      const card = await onServer(flags, originalUrl, (serverUrl) =>
        playAttacks({
          originalUrl,
          trustFolder: folder,
          serverUrl,
          seed,
          placements,
          onPlayed: terminal.err.isTTY === true ? played(terminal) : () => undefined,
        }),
      );
      if (terminal.err.isTTY === true) terminal.err.write('\r\u001b[2K');
      if (json === true) await writeJson(terminal, card);
      else await writeLine(terminal.out, cardText(terminal, card));
      if (!card.passed) throw new CommandError('not every attack was found, named and located');
    });
}

async function onServer<T>(
  flags: AttackFlags,
  originalUrl: string,
  play: (serverUrl: string) => Promise<T>,
): Promise<T> {
  if (flags.embedded === true) {
    const { temporaryPostgres } = await import('#libs/testing/temporary-postgres.js');
    const postgres = await temporaryPostgres({ fsync: 'off' });
    try {
      return await play(postgres.adminUrl());
    } finally {
      await postgres.dispose();
    }
  }
  const url = flags.server ?? originalUrl;
  if (!/^postgres(ql)?:\/\//.test(url)) throw new CommandError('--server: must be a postgresql:// URL');
  const client = await connectClient(url, 'countersign attack');
  try {
    const { rows } = await client.query<{ may: boolean }>(
      'SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user',
    );
    if (rows[0]?.may !== true)
      throw new CommandError(
        'this role may not make a database for the copy: name a superuser with --server, or say --embedded',
      );
  } finally {
    await client.end();
  }
  return play(url);
}

const played =
  ({ err }: Terminal) =>
  ({ attack, placement }: Score): void =>
    void err.write(`\r\u001b[2K${attack}: ${placement}`);

function cardText(terminal: Terminal, card: ScoreCard): string {
  const mark = (holds: boolean): string => (holds ? 'yes' : 'NO');
  const rows = card.scores.map((score) => [
    oneLine(score.attack, 60),
    `${score.chain}, ${oneLine(score.placement, 60)}`,
    mark(score.detected),
    mark(score.named),
    score.expected.some(({ seq }) => seq !== undefined) ? mark(score.located) : '-',
    oneLine(score.found.slice(0, 3).join(', '), 90),
  ]);
  const good = card.scores.filter(({ detected, named, located }) => detected && named && located).length;
  const lines = [
    table(['ATTACK', 'WHERE', 'DETECTED', 'NAMED', 'LOCATED', 'FOUND'], rows),
    ...card.notPlayed.map((name) => `not played: ${name}: no chain of this ledger is large enough`),
    ...card.falseAlarms.map(({ kind, chain, seq }) => `false alarm: ${kind} ${chain} ${seq ?? ''}`),
    `${coloured(terminal.out, card.passed ? 'green' : 'red', card.passed ? 'PASSED' : 'FAILED')}: ` +
      `${good} of ${card.scores.length} attacks on ${card.entries} entries detected, named and located; ` +
      `${card.falseAlarms.length} false alarms on the clean copy; seed ${card.seed}`,
  ];
  return lines.join('\n');
}

function wholeNumber(option: string, value: string): number {
  if (/^(0|[1-9][0-9]{0,9})$/.test(value) && Number(value) < 2 ** 31) return Number(value);
  throw new CommandError(`${option}: must be a whole number`, 2);
}
