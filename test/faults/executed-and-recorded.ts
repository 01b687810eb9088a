import type { AnyEvent } from '#libs/contracts/events/registry.js';

/** One execution as a line: session, text, parameters. */
type Execution = string;

const LINE = /^<[^|]* cs:([0-9a-f-]{36})\|\d+> (LOG|DETAIL): {2}(.*)$/;

/**
 * Every statement that PostgreSQL's own log says was executed for a session of the gateway: simple ones by
 * their text, executions of prepared ones with the parameters in the line behind.
 */
export async function executedOf(lines: Iterable<string> | AsyncIterable<string>): Promise<Execution[]> {
  const executed: Execution[] = [];
  for await (const line of lines) {
    const [, session, kind, text] = LINE.exec(line) ?? [];
    if (session === undefined || text === undefined) continue;
    if (kind === 'DETAIL') {
      const parameters = /^Parameters: (.*)$/.exec(text)?.[1];
      const last = executed.length - 1;
      if (parameters !== undefined && executed[last]?.startsWith(`${session}|`) === true)
        executed[last] = `${executed[last]}${parameters.replaceAll(/\$\d+ = /g, '')}`;
      continue;
    }
    const statement = /^(?:statement|execute [^:]+): (.*)$/.exec(text)?.[1];
    if (statement !== undefined) executed.push(`${session}|${statement}|`);
  }
  return executed;
}

/** Every intent that is not refused, in the same form. */
export function recordedOf(events: readonly AnyEvent[]): Execution[] {
  const recorded: Execution[] = [];
  for (const event of events) {
    if (event.type !== 'statement.intent-recorded') continue;
    const parameters = (event.parameters ?? []).map(({ value }) =>
      typeof value === 'string' ? `'${value}'` : 'NULL',
    );
    recorded.push(`${event.sessionId}|${event.statement.text}|${parameters.join(', ')}`);
  }
  return recorded;
}

/** Executions for which there is no intent: each intent stands for one. */
export function unrecorded(executed: readonly Execution[], recorded: readonly Execution[]): Execution[] {
  const left = new Map<Execution, number>();
  for (const one of recorded) left.set(one, (left.get(one) ?? 0) + 1);
  return executed.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

/** One of them without its session. */
const statementOf = (execution: Execution): string => execution.slice(execution.indexOf('|') + 1);

/** Statements that a client had an answer to and that no intent names; each is another text or parameter. */
export function answeredUnrecorded(answers: readonly string[], recorded: readonly Execution[]): string[] {
  const known = new Set(recorded.map(statementOf));
  return answers.filter((answer) => !known.has(answer));
}

/** Executions that may be in flight before they are recorded: the reads outside a transaction. */
export const isLoneRead = (execution: Execution): boolean =>
  statementOf(execution).startsWith('SELECT n AS alone');

/** What the gateway sends of its own: questions, and what fails in the place of a refused statement. */
export const isOurs = (execution: Execution): boolean =>
  /^(\/\* countersign: |.*countersign_refused)/.test(statementOf(execution));

/** Intents with no outcome or more than one. */
export function unfinished(events: readonly AnyEvent[]): string[] {
  const outcomes = new Map<string, number>();
  for (const event of events) if (event.type === 'statement.intent-recorded') outcomes.set(event.id, 0);
  for (const event of events)
    if (event.type === 'statement.outcome-recorded')
      outcomes.set(event.intentId, (outcomes.get(event.intentId) ?? 0) + 1);
  return [...outcomes].filter(([, count]) => count !== 1).map(([id, count]) => `${id}: ${count} outcomes`);
}

/** Numbers that are missing or stand twice in a producer's sequences, partition by partition. */
export function gaps(events: readonly AnyEvent[]): string[] {
  const seen = new Map<string, Set<number>>();
  for (const { producer, producerSeq } of events) {
    const numbers = seen.get(producer) ?? new Set<number>();
    seen.set(producer, numbers.add(producerSeq));
  }
  return [...seen].flatMap(([producer, numbers]) =>
    Array.from({ length: largest(numbers) + 1 }, (_, number) => number)
      .filter((number) => !numbers.has(number))
      .map((number) => `${producer} lacks ${number}`),
  );
}

/** Of more numbers than a call may have arguments. */
function largest(numbers: Iterable<number>): number {
  let most = -1;
  for (const number of numbers) most = Math.max(most, number);
  return most;
}
