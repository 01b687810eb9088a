/** Above this many pairs of lines the middle is told as replaced whole: a longest common subsequence costs their product. */
const MAX_PAIRS = 4_000_000;

/** The lines that two texts do not share, `-` before what only the first has and `+` before the second's. */
export function changedLines(before: readonly string[], after: readonly string[]): string[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  )
    end += 1;
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  if (old.length * now.length > MAX_PAIRS)
    return [...old.map((line) => `-${line}`), ...now.map((line) => `+${line}`)];
  return walk(old, now, commonLengths(old, now));
}

/** lengths[i][j]: how many lines old from i and now from j have in common, in order. */
function commonLengths(old: readonly string[], now: readonly string[]): Uint32Array[] {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const row = lengths[i] as Uint32Array;
    const below = lengths[i + 1] as Uint32Array;
    for (let j = now.length - 1; j >= 0; j -= 1)
      row[j] = old[i] === now[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
  }
  return lengths;
}

function walk(old: readonly string[], now: readonly string[], lengths: readonly Uint32Array[]): string[] {
  const changes: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      i += 1;
      j += 1;
    } else if (
      j >= now.length ||
      (i < old.length && (lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0))
    ) {
      changes.push(`-${old[i]}`);
      i += 1;
    } else {
      changes.push(`+${now[j]}`);
      j += 1;
    }
  }
  return changes;
}
