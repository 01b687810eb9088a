type Value = string | number | boolean;

/** Some values, or all but some. */
export interface ValueSet {
  readonly is: 'only' | 'all-but';
  readonly values: ReadonlySet<Value>;
}

export const onlyThese = (values: Iterable<Value>): ValueSet => ({ is: 'only', values: new Set(values) });
export const allBut = (values: Iterable<Value>): ValueSet => ({ is: 'all-but', values: new Set(values) });

export const isEmpty = ({ is, values }: ValueSet): boolean => is === 'only' && values.size === 0;

export function intersect(one: ValueSet, other: ValueSet): ValueSet {
  if (one.is === 'only') return onlyThese([...one.values].filter((value) => holds(other, value)));
  if (other.is === 'only') return intersect(other, one);
  return allBut([...one.values, ...other.values]);
}

/** Whether every value of the first is one of the second. */
export function isWithin(one: ValueSet, other: ValueSet): boolean {
  if (one.is === 'only') return [...one.values].every((value) => holds(other, value));
  // There is always one more value than those that are named.
  return other.is === 'all-but' && [...other.values].every((value) => one.values.has(value));
}

const holds = ({ is, values }: ValueSet, value: Value): boolean => values.has(value) === (is === 'only');
