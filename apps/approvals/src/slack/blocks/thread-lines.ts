import type { StoredEvent } from '../../event-store/load-stream.js';
import { codeSpan } from './inert-text.js';
import { outcomeText } from './status-line.js';

/** What the thread says of an event; undefined for events it says nothing of. */
export function threadLine(event: StoredEvent, mentionRequester: string | undefined): string | undefined {
  switch (event.type) {
    case 'request.vote-cast': {
      const reason = event.reason === undefined ? '' : `: ${codeSpan(event.reason, 600)}`;
      const limit =
        event.maxRows === undefined ? '' : `, at most ${event.maxRows.toLocaleString('en-US')} rows`;
      return event.decision === 'approve'
        ? `:white_check_mark: ${codeSpan(event.voter.name, 130)} approved for ${codeSpan(event.group, 80)}${limit}${reason}`
        : `:no_entry: ${codeSpan(event.voter.name, 130)} denied${reason}`;
    }
    case 'request.vote-refused':
      return `A vote of ${codeSpan(event.voter.name, 130)} did not count (${codeSpan(event.why, 60)})`;
    case 'request.commented': {
      const to = mentionRequester === undefined ? '' : ` ${mentionRequester}`;
      return `:speech_balloon: ${codeSpan(event.author.name, 130)}:${to} ${codeSpan(event.text, 1_800)}`;
    }
    case 'request.escalated':
      return `:arrow_up: Nobody decided in time: ${event.needed
        .slice(0, 6)
        .map(({ group, count }) => `${count} of ${codeSpan(group, 60)}`)
        .join(' and ')} may sign as well`;
    case 'request.reminded':
      return `:bell: Reminder ${event.number}: this still waits for a decision`;
    case 'request.reviewer-notified':
      return event.step === 'next'
        ? `:point_right: Now it is the turn of ${event.groups
            .slice(0, 6)
            .map((group) => codeSpan(group, 60))
            .join(', ')}`
        : undefined;
    case 'request.granted':
      return ':unlock: Approved: the decision is signed and on its way to the gateway';
    case 'request.refused':
      return ':lock: Denied: the statement will not run';
    case 'request.expired':
      return ':hourglass: Expired: the statement did not run';
    case 'request.cancelled':
      return `:heavy_minus_sign: Cancelled: ${codeSpan(event.reason, 200)}`;
    case 'request.revoked':
      return `:no_entry: ${codeSpan(event.by.name, 130)} revoked the grant${event.reason === undefined ? '' : `: ${codeSpan(event.reason, 600)}`}`;
    case 'request.consumed':
      return ':arrow_forward: The gateway released the statement';
    default:
      return undefined;
  }
}

export const outcomeLine = (outcome: string): string => `:checkered_flag: ${outcomeText(outcome)}`;

/** As many lines, from the first, as fit one message; the rest waits for the next. */
export function fittingLines(lines: readonly string[], max = 2_900): string[] {
  const fitting: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + 1;
    if (fitting.length > 0 && length > max) break;
    fitting.push(line);
  }
  return fitting;
}
