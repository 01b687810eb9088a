import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { Findings, verdictOf } from '#libs/ledger/verify/finding.js';
import type { VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { decodeEntry } from '#libs/tlog/entry.js';
import { payloadCommitment } from '#libs/tlog/hashing.js';
import { parseNote } from '#libs/tlog/signed-note.js';
import { checkTlogConsistency, parseTlogConsistency } from '#libs/tlog/tlog-consistency.js';
import { checkTlogProof, parseTlogProof } from '#libs/tlog/tlog-proof.js';
import type { NoteVerifier } from '#libs/tlog/vkey.js';
import { givenFile } from './ledger-places.js';

/** What a proof shows when it holds, beside the report. */
export interface ProofReport extends VerifyReport {
  readonly proven?: Readonly<Record<string, string | number>>;
}

/**
 * Checks a file that `ledger prove` wrote, offline: a tlog-proof with its entry (in `extra`, or beside it),
 * salt and payload where they stand beside it, or a consistency proof with the older checkpoint.
 */
export async function verifyProofFile(
  file: string,
  logs: readonly NoteVerifier[],
  oldFile: string | undefined,
): Promise<ProofReport> {
  const bytes = await givenFile('--proof', file);
  const findings = new Findings();
  const proven = bytes.subarray(0, 4).equals(Buffer.from('old '))
    ? await growth(bytes, file, oldFile, logs, findings)
    : await inclusion(bytes, file, logs, findings);
  const list = findings.list();
  const verdict = verdictOf(list, logs.length > 0);
  return {
    verdict,
    entries: verdict === 'OK' && proven?.['eventId'] !== undefined ? 1 : 0,
    findings: list,
    ...(verdict === 'OK' && proven !== undefined ? { proven } : {}),
  };
}

type Proven = Readonly<Record<string, string | number>> | undefined;

async function inclusion(
  bytes: Buffer,
  file: string,
  logs: readonly NoteVerifier[],
  findings: Findings,
): Promise<Proven> {
  const proof = parseTlogProof(bytes);
  if (proof === undefined) {
    findings.add('PROOF_INVALID', '*', undefined, 'not a tlog-proof');
    return undefined;
  }
  const log = logOf(proof.checkpoint, logs);
  const stem = file.replace(/\.tlog-proof$/, '');
  const entry = (await beside(`${stem}.entry`)) ?? proof.extra;
  const chain = log === undefined ? '*' : chainOf(log);
  if (log === undefined) {
    findings.add('ORIGIN_MISMATCH', '*', proof.index, 'no key is trusted for the log it is about');
    return undefined;
  }
  if (entry === undefined) {
    findings.add('PROOF_INVALID', chain, proof.index, `the entry is neither in it nor in ${stem}.entry`);
    return undefined;
  }
  const checked = checkTlogProof(proof, entry, log);
  if (!checked.ok) {
    findings.add(checked.problem, chain, proof.index, 'the entry is not shown to be in the log');
    return undefined;
  }
  const decoded = decodeEntry(entry);
  if (decoded === undefined || decoded.seq !== proof.index) {
    findings.add('ENTRY_MALFORMED', chain, proof.index, 'what is proven is not an entry of that place');
    return undefined;
  }
  const [salt, payload] = [await beside(`${stem}.salt`), await beside(`${stem}.payload`)];
  const whole = salt !== undefined && payload !== undefined;
  if (whole && !(salt.length === 32 && payloadCommitment(salt, payload).equals(decoded.payloadCommit)))
    findings.add(
      'PAYLOAD_MISMATCH',
      chain,
      proof.index,
      'salt and payload are not what the entry commits to',
    );
  return {
    eventId: decoded.eventId,
    type: decoded.type,
    chain,
    seq: Number(decoded.seq),
    recordedAt: new Date(Number(decoded.recordedAt / 1000n)).toISOString(),
    producer: decoded.producer,
    producerSeq: Number(decoded.producerSeq),
    payload: whole ? 'as committed' : 'not at hand',
    origin: checked.checkpoint.origin,
    size: Number(checked.checkpoint.size),
  };
}

async function growth(
  bytes: Buffer,
  file: string,
  oldFile: string | undefined,
  logs: readonly NoteVerifier[],
  findings: Findings,
): Promise<Proven> {
  const proof = parseTlogConsistency(bytes);
  if (proof === undefined) {
    findings.add('PROOF_INVALID', '*', undefined, 'not a consistency proof');
    return undefined;
  }
  const log = logOf(proof.checkpoint, logs);
  if (log === undefined) {
    findings.add('ORIGIN_MISMATCH', '*', undefined, 'no key is trusted for the log it is about');
    return undefined;
  }
  const old = await givenFile('--old', oldFile ?? file.replace(/\.consistency$/, '.old'));
  const checked = checkTlogConsistency(proof, old, log);
  if (!checked.ok) {
    findings.add(
      checked.problem,
      chainOf(log),
      proof.oldSize > 0n ? proof.oldSize - 1n : 0n,
      checked.which === 'old' ? 'the older checkpoint is not good' : 'growth is not shown',
    );
    return undefined;
  }
  return {
    chain: chainOf(log),
    origin: log.name,
    from: Number(checked.from.size),
    to: Number(checked.to.size),
  };
}

/** The trusted key of the origin that the note claims; whether it signed is checked with it. */
const logOf = (note: Buffer, logs: readonly NoteVerifier[]): NoteVerifier | undefined => {
  const origin = parseNote(note)?.text.split('\n')[0];
  // With one key there is no choice to make, so that a damaged note is named for what it is.
  return logs.length === 1 ? logs[0] : logs.find(({ name, type }) => name === origin && type === 'log');
};

const chainOf = ({ name }: NoteVerifier): string => name.split('/').slice(-2).join('/');

const beside = (file: string): Promise<Buffer | undefined> =>
  readFile(path.resolve(file)).catch(() => undefined);
