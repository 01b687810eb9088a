import { codeSpan } from './inert-text.js';
import type { ShownRequest } from './shown-request.js';

/** Where the request stands, in one line. `now` is milliseconds since 1970. */
export function statusLine({ view, outcome }: ShownRequest, now: number): string {
  const people = (view.decidedBy ?? [])
    .slice(0, 6)
    .map((name) => codeSpan(name, 60))
    .join(', ');
  const names =
    people === '' && view.automatic !== undefined
      ? `the policy (rule ${codeSpan(view.automatic.rule, 64)}), nobody in person`
      : people;
  const limit = view.maxRows === undefined ? '' : ` for at most ${view.maxRows.toLocaleString('en-US')} rows`;
  const because = view.endReason === undefined ? '' : `: ${codeSpan(view.endReason, 500)}`;
  switch (view.state) {
    case 'pending':
      return `*Time left* ${timeLeft(Date.parse(view.expiresAt) - now)}, until ${date(view.expiresAt)}`;
    case 'granted':
      return `:white_check_mark: *Approved* by ${names}${limit}. ${view.wait === 'retry' ? 'The statement may be sent again.' : 'Not run yet.'}`;
    case 'consumed':
      return `:white_check_mark: *Approved* by ${names}${limit}. ${outcome === undefined ? 'Released to the database.' : outcomeText(outcome)}`;
    case 'refused':
      return `:no_entry: *Denied* by ${names}${because}`;
    case 'expired':
      return ':hourglass: *Expired* without a decision that was used. The statement did not run.';
    case 'cancelled':
      return `:heavy_minus_sign: *Cancelled*${because}. The statement did not run.`;
    case 'revoked':
      return `:no_entry: *Revoked* by ${codeSpan(view.revokedBy ?? 'somebody', 80)}${because}`;
    default:
      return `*State* ${codeSpan(String(view.state), 60)}`;
  }
}

export const outcomeText = (outcome: string): string =>
  ({
    completed: 'It ran and completed.',
    failed: 'It ran and failed.',
    refused: 'It was refused at the gateway and did not run.',
    cancelled: 'It was cancelled and did not run.',
    unknown: ':warning: Its outcome is not known: the gateway went down while it ran.',
  })[outcome] ?? `Its outcome: ${codeSpan(outcome, 60)}`;

/** Slack shows it in the reader's own time zone. */
const date = (iso: string): string =>
  `<!date^${Math.floor(Date.parse(iso) / 1000)}^{date_short_pretty} {time_secs}|${iso}>`;

/** Rounded down, so that nobody is promised time that is not there. */
export function timeLeft(ms: number): string {
  if (ms <= 0) return 'none';
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
