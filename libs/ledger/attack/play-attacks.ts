import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectClient } from '#libs/postgres/client.js';
import { openCheckpoint } from '#libs/tlog/checkpoint.js';
import { parseNote, signNote } from '#libs/tlog/signed-note.js';
import { noteVerifier, type NoteVerifier } from '#libs/tlog/vkey.js';
import { noteName, pinCheckpoint, readTrustFolder, trustLogs, type TrustFolder } from '../trust-folder.js';
import type { Finding } from '../verify/finding.js';
import { verifyLedger } from '../verify/verify-ledger.js';
import type { Attack, ExpectedFinding, Stage } from './attack.js';
import type { AttackedChain } from './attacked-chain.js';
import { copyLedger, type LedgerCopy } from './copy-ledger.js';
import { ENTRY_ATTACKS } from './entry-attacks.js';
import { Random } from './random.js';
import { ROW_ATTACKS } from './row-attacks.js';
import { SERVED_ATTACKS } from './served-attacks.js';

export const ATTACKS: readonly Attack[] = [...ENTRY_ATTACKS, ...ROW_ATTACKS, ...SERVED_ATTACKS];

export interface AttackOptions {
  /** The ledger to copy. Only read. */
  readonly originalUrl: string;
  readonly trustFolder: string;
  /** A superuser's URL; a database is made on its server and dropped in the end. */
  readonly serverUrl: string;
  readonly seed: number;
  /** Placements of each attack. */
  readonly placements: number;
  readonly onPlayed?: (score: Score) => void;
}

/** One line of the score card. */
export interface Score {
  readonly attack: string;
  readonly chain: string;
  readonly placement: string;
  readonly detected: boolean;
  /** Every kind that must be found was. */
  readonly named: boolean;
  /** Every place that must be named was. */
  readonly located: boolean;
  readonly expected: readonly ExpectedFinding[];
  /** As many as fit a line: `KIND seq`. */
  readonly found: readonly string[];
}

export interface ScoreCard {
  readonly seed: number;
  readonly entries: number;
  /** What the verifier finds in the copy before any attack and after the last one has been undone: nothing. */
  readonly falseAlarms: readonly Finding[];
  readonly scores: readonly Score[];
  /** Attacks for which no chain is large enough. */
  readonly notPlayed: readonly string[];
  /** All detected, named and located, and no false alarm. */
  readonly passed: boolean;
}

/**
 * Plays every attack against a copy of a ledger, each at random places, and verifies after each. The copy is
 * signed anew with a key made for it, so that a thief of the key can be played as well; what the original's
 * own signatures say is for `ledger verify`.
 */
export async function playAttacks(options: AttackOptions): Promise<ScoreCard> {
  const trust = await readTrustFolder(options.trustFolder);
  const database = `countersign_attack_${randomBytes(6).toString('hex')}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-attack-'));
  const server = await connectClient(options.serverUrl, 'countersign attack');
  try {
    await server.query(`CREATE DATABASE ${database}`);
    const url = new URL(options.serverUrl);
    url.pathname = `/${database}`;
    const copy = await copyLedger(options.originalUrl, url.toString());
    try {
      return await playOn(copy, url.toString(), folder, trust, options);
    } finally {
      await copy.client.end();
    }
  } finally {
    await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await server.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function playOn(
  copy: LedgerCopy,
  url: string,
  folder: string,
  trust: TrustFolder,
  { seed, placements, onPlayed = () => undefined }: AttackOptions,
): Promise<ScoreCard> {
  const random = new Random(seed);
  const chains = await signAnew(copy, folder, trust);
  const verify = async (): Promise<readonly Finding[]> =>
    (await verifyLedger({ url, trustFolder: folder })).findings;
  const pinned = await readTrustFolder(folder);
  const write = (chain: AttackedChain, note: Buffer): Promise<void> =>
    writeFile(path.join(folder, 'checkpoints', `${noteName(chain.name)}.note`), note);
  const stage: Stage = { client: copy.client, url, random, pin: write, verify };

  const first = await verifyLedger({ url, trustFolder: folder });
  const known = new Set(first.findings.map(textOf));
  const scores: Score[] = [];
  const notPlayed: string[] = [];
  for (const attack of ATTACKS) {
    const fitting = chains.filter(attack.fits);
    if (fitting.length === 0) notPlayed.push(attack.name);
    for (let time = 0; time < placements && fitting.length > 0; time += 1) {
      const chain = random.of(fitting);
      const { placement, expected, found } = await attack.play(stage, chain);
      const findings = (found ?? (await verify())).filter((finding) => !known.has(textOf(finding)));
      const score = scoreOf(attack.name, chain.name, placement, expected, findings);
      scores.push(score);
      onPlayed(score);
      await copy.restore(chain.chain);
      const note = pinned.notes.get(noteName(chain.name));
      if (note !== undefined) await write(chain, note);
    }
  }
  const after = (await verify()).filter((finding) => !known.has(textOf(finding)));
  const falseAlarms = [...first.findings.filter(({ kind }) => !TRUE_OF_THE_SOURCE.has(kind)), ...after];
  return {
    seed,
    entries: first.entries,
    falseAlarms,
    scores,
    notPlayed,
    passed:
      falseAlarms.length === 0 &&
      scores.length > 0 &&
      scores.every(({ detected, named, located }) => detected && named && located),
  };
}

/** Facts about producers that the original has as well; a copy cannot be blamed for them. */
const TRUE_OF_THE_SOURCE = new Set<string>(['SOURCE_GAP', 'SOURCE_REGRESSION']);

const textOf = ({ kind, chain, seq, detail }: Finding): string => `${kind} ${chain} ${seq} ${detail}`;

function scoreOf(
  attack: string,
  chain: string,
  placement: string,
  expected: readonly ExpectedFinding[],
  findings: readonly Finding[],
): Score {
  const has = ({ kind, seq }: ExpectedFinding): boolean =>
    findings.some(
      (one) => one.kind === kind && one.chain === chain && (seq === undefined || one.seq === seq),
    );
  return {
    attack,
    chain,
    placement,
    detected: findings.length > 0,
    named: expected.every(({ kind }) => has({ kind })),
    located: expected.every(has),
    expected,
    found: [...new Set(findings.map(({ kind, seq }) => `${kind} ${seq ?? ''}`.trim()))].slice(0, 12),
  };
}

/** Signs every good note of the copy with keys of the copy, in the database and in its own trust folder. */
async function signAnew(copy: LedgerCopy, folder: string, trust: TrustFolder): Promise<AttackedChain[]> {
  const { client } = copy;
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const rows = await client.query<{ chain: number; name: string; origin: string; size: string }>(
    `SELECT c.chain, c.name, c.origin, (SELECT count(*) FROM ledger.entries e WHERE e.chain = c.chain)::text AS size
     FROM ledger.chains c ORDER BY 1`,
  );
  const chains: AttackedChain[] = [];
  for (const row of rows.rows) {
    const original = trust.logs.find(({ name, type }) => name === row.origin && type === 'log');
    const log = noteVerifier(row.origin, 'log', publicKey);
    const again = (note: Buffer): Buffer => resigned(note, original, log, privateKey);
    await trustLogs(folder, [log]);
    const notes = await client.query<{ number: string; size: string; note: Buffer }>(
      'SELECT number::text, size::text, note FROM ledger.checkpoints WHERE chain = $1 ORDER BY checkpoints.number',
      [row.chain],
    );
    for (const { number, note } of notes.rows)
      await client.query('UPDATE ledger.checkpoints SET note = $1 WHERE chain = $2 AND number = $3', [
        again(note),
        row.chain,
        number,
      ]);
    const outside = trust.notes.get(noteName(row.name));
    const pin = outside === undefined ? undefined : again(outside);
    const opened = pin === undefined ? undefined : openCheckpoint(pin, log);
    if (pin !== undefined && opened?.ok === true)
      await pinCheckpoint(folder, row.name, log, pin, opened.checkpoint);
    chains.push({
      chain: row.chain,
      name: row.name,
      log,
      stolenKey: privateKey,
      size: Number(row.size),
      checkpoints: notes.rows.map(({ size }) => Number(size)),
    });
  }
  await client.query(
    'TRUNCATE pristine.checkpoints; INSERT INTO pristine.checkpoints TABLE ledger.checkpoints',
  );
  return chains;
}

/** A note that is not good stays as it is: the copy must show what the original has. */
function resigned(
  note: Buffer,
  original: NoteVerifier | undefined,
  log: NoteVerifier,
  key: Parameters<typeof signNote>[2],
): Buffer {
  const text = parseNote(note)?.text;
  const good = original !== undefined && openCheckpoint(note, original).ok;
  return good && text !== undefined ? signNote(text, log, key) : note;
}
