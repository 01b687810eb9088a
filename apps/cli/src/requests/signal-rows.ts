import type { Signals } from '#libs/contracts/events/signals.js';

/** What the gateway measured before the hold, as rows of name and text; nothing measured, no rows. */
export function signalRows(signals: Signals | undefined): [string, string | undefined][] {
  if (signals === undefined) return [];
  const { estimatedRows, tableRows, share, noEstimate, personalData, rowCeiling, rowCeilingReason } = signals;
  const locks = (list: Signals['locks']): string | undefined =>
    list.length === 0 ? undefined : list.map(({ relation, mode }) => `${mode} on ${relation}`).join(', ');
  return [
    [
      'estimate',
      estimatedRows === null
        ? `none: ${noEstimate ?? 'unknown'}`
        : `about ${Math.round(estimatedRows)} rows${ofTable(tableRows, share)}`,
    ],
    ['locks', locks(signals.locks)],
    ['holds', locks(signals.locksHeld)],
    ['reversible', signals.reversible],
    ['personal', personalData === null ? 'cannot be told' : personalData.join(', ') || 'none, by the names'],
    ['ceiling', rowCeiling === 'guaranteed' ? undefined : `not guaranteed: ${rowCeilingReason ?? 'unknown'}`],
  ];
}

const ofTable = (rows: number | null, share: number | null): string =>
  rows === null || share === null ? '' : ` of ${rows} (${Math.round(share * 100)} %)`;
