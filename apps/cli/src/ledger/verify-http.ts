import { noteName, type TrustFolder } from '#libs/ledger/trust-folder.js';
import { Findings, verdictOf } from '#libs/ledger/verify/finding.js';
import type { VerifyReport } from '#libs/ledger/verify/verify-ledger.js';
import { httpLogReader } from '#libs/ledger/verify-log/log-reader.js';
import { httpPayloadReader, type PayloadReader } from '#libs/ledger/verify-log/payload-reader.js';
import { verifyLog } from '#libs/ledger/verify-log/verify-log.js';
import { parseVkey, type NoteVerifier } from '#libs/tlog/vkey.js';
import { CommandError } from '../command-error.js';
import { requireReadyFile } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';
import { progressBar } from './progress-bar.js';

export interface PublishedLog {
  readonly url: string;
  readonly log: NoteVerifier;
}

/** The service that gives payloads to compliance, and the token for it. */
export interface PayloadAccess {
  /** Without a trailing slash. The token goes nowhere else. */
  readonly auditUrl: string;
  readonly token: string;
}

/**
 * Verifies logs as they are served to anybody, and with `access` also the payloads of those that this service
 * serves. What keeps payloads unchecked is a notice: they are not published, so no finding against the log.
 */
export async function verifyPublished(
  terminal: Terminal,
  logs: readonly PublishedLog[],
  trust: TrustFolder | undefined,
  access: PayloadAccess | undefined,
): Promise<VerifyReport> {
  const findings = new Findings();
  const bar = progressBar(terminal);
  let before = 0;
  let unseen = 0;
  const refused: string[] = [];
  for (const { url, log } of logs) {
    const chain = log.name.split('/').slice(-2).join('/');
    const trustedNote = trust?.notes.get(noteName(chain));
    if (trustedNote === undefined) unseen += 1;
    const done = before;
    const payloads = payloadsOf(url, chain, access, () => refused.push(chain));
    const target = { chain, log, reader: httpLogReader(url), trustedNote, payloads };
    before += await verifyLog(target, findings, (progress) =>
      bar.show({ ...progress, entries: done + progress.entries, total: done + progress.total }),
    );
  }
  bar.end();
  const list = findings.list();
  const notices: string[] = [];
  if (unseen > 0)
    notices.push(
      `${unseen} of ${logs.length} logs had no checkpoint seen before: what was rewritten before today would not show`,
    );
  if (refused.length > 0)
    notices.push(
      `payloads were not checked: audit gives them to compliance only, not to the bearer of this token`,
    );
  return {
    verdict: verdictOf(list, logs.length > 0),
    entries: before,
    findings: list,
    ...(notices.length === 0 ? {} : { notices }),
  };
}

/** Only for a log of this very service: a token is never sent where a URL on the command line says. */
function payloadsOf(
  url: string,
  chain: string,
  access: PayloadAccess | undefined,
  onRefused: () => void,
): PayloadReader | undefined {
  if (access === undefined || url.replace(/\/$/, '') !== `${access.auditUrl}/logs/${chain}`) return undefined;
  const reader = httpPayloadReader(access.auditUrl, chain, access.token);
  return {
    read: async (seq, limit) => {
      const page = await reader.read(seq, limit);
      if (page === 'refused') onRefused();
      return page;
    },
  };
}

/** `--url` with its key: given, or trusted for exactly one log that the URL ends like. */
export function logAt(
  url: string,
  vkey: NoteVerifier | undefined,
  trust: TrustFolder | undefined,
): PublishedLog {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CommandError('--url: must be an http(s) URL');
  if (vkey !== undefined) return { url, log: vkey };
  const ending = new URL(url).pathname
    .split('/')
    .filter((part) => part !== '')
    .slice(-2)
    .join('/');
  const known = (trust?.logs ?? []).filter(({ name, type }) => type === 'log' && name.endsWith(`/${ending}`));
  if (known.length === 1) return { url, log: known[0] as NoteVerifier };
  throw new CommandError(
    '--url needs --vkey: the key that you trust for this log, from anywhere but the log itself',
  );
}

/** Every log of ready.json, with the keys of the trust folder where it names them. */
export async function logsOfReadyFile(
  terminal: Terminal,
  trust: TrustFolder | undefined,
): Promise<PublishedLog[]> {
  const { audit } = await requireReadyFile(terminal.environment);
  return audit.logs.map(({ origin, url, vkey }) => {
    const log = trust?.logs.find(({ name, type }) => name === origin && type === 'log') ?? parseVkey(vkey);
    if (log === undefined) throw new CommandError(`ready.json: not a verifier key for ${origin}`);
    return { url, log };
  });
}
