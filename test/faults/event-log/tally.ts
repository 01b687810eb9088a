/** What became of records named `<caller>:<number>`, each caller's numbers from 0 on. */
export interface Tally {
  readonly acknowledged: number;
  readonly found: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
}

/**
 * Compares what was acknowledged, by caller, with what stands in the log, in its order. A record beyond
 * the last acknowledged one (sent, the answer not awaited) is no error.
 */
export function tally(acknowledged: ReadonlyMap<string, number>, values: readonly string[]): Tally {
  const seen = new Map<string, Set<number>>();
  const highest = new Map<string, number>();
  let doubled = 0;
  let outOfOrder = 0;
  for (const value of values) {
    const [caller, number] = split(value);
    const numbers = seen.get(caller) ?? new Set<number>();
    seen.set(caller, numbers);
    if (numbers.has(number)) {
      doubled += 1;
      continue;
    }
    numbers.add(number);
    const before = highest.get(caller) ?? -1;
    if (number < before) outOfOrder += 1;
    else highest.set(caller, number);
  }
  let lost = 0;
  let total = 0;
  for (const [caller, count] of acknowledged) {
    total += count;
    for (let number = 0; number < count; number += 1) if (seen.get(caller)?.has(number) !== true) lost += 1;
  }
  return { acknowledged: total, found: values.length, lost, doubled, outOfOrder };
}

function split(value: string): [string, number] {
  const colon = value.lastIndexOf(':');
  return [value.slice(0, colon), Number(value.slice(colon + 1))];
}
