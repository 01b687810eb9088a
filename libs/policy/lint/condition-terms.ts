import { serialize, type ASTNode } from '@marcbachmann/cel-js';
import { identityKinds } from '#libs/contracts/identity.js';
import { statementCategories } from '#libs/contracts/events/statement-events.js';
import { TRAITS } from '#libs/sql/traits.js';
import { allBut, intersect, isEmpty, isWithin, onlyThese, type ValueSet } from './value-set.js';

/**
 * One way for a condition to be true: every atom has its truth value, and every expression one of its
 * values. What is not understood is an atom by its text, so whatever follows from terms holds.
 */
export interface Term {
  /** Atoms that must be true, and with `!` before them those that must be false. */
  readonly atoms: ReadonlySet<string>;
  /** What an expression, by its text, may be. */
  readonly values: ReadonlyMap<string, ValueSet>;
}

/** More ways than this and nothing is said of the condition. */
const MAX_TERMS = 256;

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Everything these can be. */
const DOMAINS: ReadonlyMap<string, ValueSet> = new Map(
  (
    [
      ['statement.category', statementCategories],
      ['identity.kind', identityKinds],
      ['target.kind', ['postgres']],
      ['time.hour', range(0, 23)],
      ['time.minute', range(0, 59)],
      ['time.weekday', range(1, 7)],
    ] as const
  ).map(([path, values]) => [path, onlyThese(values.map((value) => value))]),
);

/** The ways a condition can be true that do not contradict themselves; undefined when there are too many. */
export function termsOf(ast: ASTNode): readonly Term[] | undefined {
  const terms = expand(ast, true);
  return terms?.filter(isPossible);
}

/** Whether one term's truth makes another one true. */
export const implies = (term: Term, other: Term): boolean =>
  [...other.atoms].every((atom) => term.atoms.has(atom)) &&
  [...other.values].every(([expression, allowed]) => {
    const known = term.values.get(expression) ?? DOMAINS.get(expression);
    return known !== undefined && isWithin(known, allowed);
  });

const isPossible = ({ atoms, values }: Term): boolean =>
  [...values.values()].every((allowed) => !isEmpty(allowed)) &&
  [...atoms].every((atom) => !atoms.has(`!${atom}`));

const TRUE: Term = { atoms: new Set(), values: new Map() };

const constant = (truth: boolean): Term[] => (truth ? [TRUE] : []);

/** Disjunctive normal form of the expression, or of its negation. */
function expand(node: ASTNode, positive: boolean): Term[] | undefined {
  switch (node.op) {
    case '!_':
      return expand(node.args, !positive);
    case '&&':
    case '||': {
      const [left, right] = node.args.map((part) => expand(part, positive));
      if (left === undefined || right === undefined) return undefined;
      const both = (node.op === '&&') === positive;
      const terms = both
        ? left.flatMap((one) => right.map((other) => merge(one, other)))
        : [...left, ...right];
      return terms.length > MAX_TERMS ? undefined : terms;
    }
    case 'value':
      return typeof node.args === 'boolean' ? constant(node.args === positive) : [atom(node, positive)];
    case '==':
    case '!=':
      return equality(node.args, (node.op === '==') === positive) ?? [atom(node, positive)];
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparison(node.op, node.args, positive) ?? [atom(node, positive)];
    case 'in':
      return membership(node.args, positive) ?? [atom(node, positive)];
    case '.':
      // Only booleans stand where a truth value is asked for.
      return [value(serialize(node), onlyThese([positive]))];
    default:
      return [atom(node, positive)];
  }
}

const atom = (node: ASTNode, positive: boolean): Term => ({
  atoms: new Set([`${positive ? '' : '!'}${serialize(node)}`]),
  values: new Map(),
});

const value = (expression: string, allowed: ValueSet): Term => ({
  atoms: new Set(),
  values: new Map([[expression, within(expression, allowed)]]),
});

const within = (expression: string, allowed: ValueSet): ValueSet => {
  const domain = DOMAINS.get(expression);
  return domain === undefined ? allowed : intersect(domain, allowed);
};

function merge(one: Term, other: Term): Term {
  const values = new Map(one.values);
  for (const [expression, allowed] of other.values) {
    const before = values.get(expression);
    values.set(expression, before === undefined ? allowed : intersect(before, allowed));
  }
  return { atoms: new Set([...one.atoms, ...other.atoms]), values };
}

type Literal = string | number | boolean;

function literalOf(node: ASTNode): Literal | undefined {
  if (node.op !== 'value') return undefined;
  const { args } = node;
  if (typeof args === 'bigint') return Number(args);
  return typeof args === 'string' || typeof args === 'boolean' ? args : undefined;
}

/** A literal beside an expression, in whatever order. */
function sides([left, right]: readonly ASTNode[]): { expression: ASTNode; literal: Literal } | undefined {
  if (left === undefined || right === undefined) return undefined;
  const [first, second] = [literalOf(left), literalOf(right)];
  if (first === undefined && second !== undefined) return { expression: left, literal: second };
  if (first !== undefined && second === undefined) return { expression: right, literal: first };
  return undefined;
}

function equality(nodes: readonly ASTNode[], equal: boolean): Term[] | undefined {
  const [left, right] = nodes.map(literalOf);
  if (left !== undefined && right !== undefined) return constant((left === right) === equal);
  const found = sides(nodes);
  if (found === undefined) return undefined;
  const { expression, literal } = found;
  return [value(serialize(expression), equal ? onlyThese([literal]) : allBut([literal]))];
}

/** Of what has a finite domain: the time. */
function comparison(
  op: '<' | '<=' | '>' | '>=',
  nodes: readonly ASTNode[],
  positive: boolean,
): Term[] | undefined {
  const found = sides(nodes);
  if (found === undefined || typeof found.literal !== 'number') return undefined;
  const expression = serialize(found.expression);
  const domain = DOMAINS.get(expression);
  if (domain === undefined) return undefined;
  const { literal } = found;
  const mirrored = found.expression === nodes[1];
  const holds = (each: number): boolean => {
    const [one, other] = mirrored ? [literal, each] : [each, literal];
    if (op === '<') return one < other;
    if (op === '<=') return one <= other;
    return op === '>' ? one > other : one >= other;
  };
  const numbers = [...domain.values].filter((each): each is number => typeof each === 'number');
  return [value(expression, onlyThese(numbers.filter((each) => holds(each) === positive)))];
}

function membership(nodes: readonly ASTNode[], positive: boolean): Term[] | undefined {
  const [item, list] = nodes;
  if (item === undefined || list === undefined) return undefined;
  const literal = literalOf(item);
  if (literal !== undefined && list.op === '.' && serialize(list) === 'statement.traits')
    return TRAITS.some((trait) => trait === literal) ? undefined : constant(!positive);
  if (list.op !== 'list' || literal !== undefined) return undefined;
  const literals = list.args.map(literalOf);
  if (!literals.every((each) => each !== undefined)) return undefined;
  return [value(serialize(item), positive ? onlyThese(literals) : allBut(literals))];
}
