import type { Signals } from '#libs/contracts/events/signals.js';
import { codeSpan } from './inert-text.js';
import type { ShownRequest } from './shown-request.js';

/** How many of a list stand in a message; the rest is counted. */
const LISTED = 5;

/** What was measured before the hold, one line each; what was not measured says so. At most 3,000 characters. */
export function signalLines({ view, binding }: ShownRequest, showNames: boolean): string[] {
  const { signals } = view;
  const lines =
    signals === undefined
      ? ['*Rows, locks, personal data* not measured by this gateway']
      : measured(signals, showNames);
  if (view.risk !== undefined) lines.unshift(riskLine(view.risk));
  if (view.wait === 'retry')
    lines.push('*Waiting* the client does not wait: after the approval it sends the statement again');
  if (view.statement.incomplete !== undefined)
    lines.push(`:warning: *Analysis incomplete* ${codeSpan(view.statement.incomplete, 150)}`);
  if (binding?.insideTransaction === true)
    lines.push('*Transaction* it waits inside an open transaction: locks already taken stay held');
  const unpinned = binding?.unpinned ?? [];
  if (unpinned.length > 0)
    lines.push(`:warning: *Not pinned between approval and execution* ${list(unpinned, 80)}`);
  return lines;
}

function riskLine({ level, score, reasons }: NonNullable<ShownRequest['view']['risk']>): string {
  const because = list(
    reasons.map(({ reason }) => reason),
    70,
  );
  return `*Risk* ${level} (${score} of 100)${because === '' ? '' : `: ${because}`}`;
}

/** How many rows the statement is estimated to touch. */
export function estimateLine({ estimatedRows, tableRows, share, noEstimate }: Signals): string {
  const rows =
    estimatedRows === null
      ? `no estimate${noEstimate === undefined ? '' : ` (${codeSpan(noEstimate, 150)})`}`
      : `about ${number(estimatedRows)}${tableRows === null ? '' : ` of ${number(tableRows)}`}${share === null ? '' : ` (${percent(share)})`}`;
  return `*Rows* ${rows}`;
}

function measured(signals: Signals, showNames: boolean): string[] {
  const lines = [estimateLine(signals)];
  const locks = signals.locks.map(({ relation, mode }) => `${mode}${showNames ? ` on ${relation}` : ''}`);
  lines.push(`*Locks* ${locks.length === 0 ? 'none on tables' : list(locks, 60)}`);
  const held = signals.locksHeld.map(({ relation, mode }) => `${mode}${showNames ? ` on ${relation}` : ''}`);
  if (held.length > 0) lines.push(`*Locks held while it waits* ${list(held, 60)}`);
  const personal = signals.personalData;
  lines.push(
    `*Personal data* ${personal === null ? 'cannot be told' : personal.length === 0 ? 'none' : showNames ? list(personal, 60) : `${personal.length} columns`}`,
  );
  const reversible = { yes: 'yes', no: ':warning: no', unknown: 'unknown' }[signals.reversible];
  const ceiling =
    signals.rowCeiling === 'guaranteed'
      ? 'can be kept'
      : `:warning: not guaranteed${signals.rowCeilingReason === undefined ? '' : ` (${codeSpan(signals.rowCeilingReason, 100)})`}`;
  lines.push(`*Reversible* ${reversible} · *row ceiling* ${ceiling}`);
  return lines;
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US');

const percent = (share: number): string =>
  share > 0 && share < 0.001 ? 'under 0.1 %' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

const list = (items: readonly string[], max: number): string =>
  items
    .slice(0, LISTED)
    .map((item) => codeSpan(item, max))
    .join(', ') + (items.length > LISTED ? ` and ${items.length - LISTED} more` : '');
