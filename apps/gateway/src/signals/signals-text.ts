import type { Signals } from '#libs/contracts/events/signals.js';

const DISTURBING = /^(ShareLock|ShareRowExclusiveLock|ExclusiveLock|AccessExclusiveLock)$/;

/** What of the signals is worth a sentence to whoever waits; empty where nothing is. */
export function signalsText(signals: Signals): string {
  const parts: string[] = [];
  const { estimatedRows, tableRows, share, noEstimate } = signals;
  if (estimatedRows === null) parts.push(`No estimate: ${noEstimate ?? 'unknown'}.`);
  else if (share === null || tableRows === null) parts.push(`Estimate: ${rows(estimatedRows)}.`);
  else parts.push(`Estimate: ${rows(estimatedRows)} of ${tableRows} (${percent(share)}).`);
  const locks = signals.locks.filter(({ mode }) => DISTURBING.test(mode));
  if (locks.length > 0)
    parts.push(
      `Locks: ${locks
        .slice(0, 3)
        .map(({ relation, mode }) => `${relation} ${mode}`)
        .join(', ')}.`,
    );
  if (signals.reversible === 'no') parts.push('It cannot be undone by another statement.');
  const personal = signals.personalData;
  if (personal !== null && personal.length > 0)
    parts.push(`Columns that look like personal data, by their names: ${personal.slice(0, 5).join(', ')}.`);
  return parts.join(' ');
}

const rows = (count: number): string =>
  `about ${Math.round(count)} ${Math.round(count) === 1 ? 'row' : 'rows'}`;
const percent = (share: number): string => (share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`);
