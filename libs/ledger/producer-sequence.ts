export interface ProducerFinding {
  readonly kind: 'SOURCE_GAP' | 'SOURCE_REGRESSION';
  readonly producer: string;
  /** The number that was due, and the one that came. */
  readonly expected: bigint;
  readonly found: bigint;
  readonly detail: string;
}

/**
 * Compares a producer's number with the one that was due, and says which is due next. Ingest and the
 * verifier share it, so that they find the same.
 */
export function checkProducerSeq(
  producer: string,
  actual: bigint,
  expected: bigint,
): { next: bigint; finding?: ProducerFinding } {
  if (actual === expected) return { next: expected + 1n };
  const kind = actual > expected ? 'SOURCE_GAP' : 'SOURCE_REGRESSION';
  const detail = `producer ${producer}: number ${actual} where ${expected} was due`;
  return {
    next: actual > expected ? actual + 1n : expected,
    finding: { kind, producer, expected, found: actual, detail },
  };
}
