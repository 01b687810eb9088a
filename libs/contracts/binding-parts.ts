import { z } from 'zod';
import { sha256Hex } from '#libs/kernel/hash.js';
import { boundStatementSchema, type BoundStatement } from './binding.js';
import { sha256HexSchema } from './envelope.js';

/** Statements whose JSON is longer stand in parts of so many characters: with all quotes escaped one fits a record. */
const PART_CHARACTERS = 400_000;
/** Of one binding: some 19 MB of statements and parameters. */
export const MAX_PARTS = 64;

/** Says of a binding that its statements stand in review.part-recorded events before it. */
export const inPartsSchema = z.object({
  /** SHA-256 of the statements' JSON, which is ASCII: all parts joined. */
  sha256: sha256HexSchema,
  count: z.int().min(1).max(MAX_PARTS),
});
export type InParts = z.output<typeof inPartsSchema>;

export interface CutStatements {
  readonly inParts: InParts;
  readonly parts: readonly string[];
}

/**
 * The parts of a binding's statements; undefined where they fit their event, and where they would be more than
 * MAX_PARTS: then their event is above the limit of a record, and is refused for that.
 */
export function cutStatements(statements: readonly BoundStatement[]): CutStatements | undefined {
  const json = JSON.stringify(statements);
  const count = Math.ceil(json.length / PART_CHARACTERS);
  if (count === 1 || count > MAX_PARTS) return undefined;
  const parts = Array.from({ length: count }, (_, index) =>
    json.slice(index * PART_CHARACTERS, (index + 1) * PART_CHARACTERS),
  );
  return { inParts: { sha256: sha256Hex(Buffer.from(json, 'utf8')), count }, parts };
}

/** The statements of all parts in order; undefined where these are not the ones that were cut. */
export function joinStatements(parts: readonly string[], inParts: InParts): BoundStatement[] | undefined {
  const json = parts.join('');
  if (parts.length !== inParts.count || sha256Hex(Buffer.from(json, 'utf8')) !== inParts.sha256)
    return undefined;
  try {
    return z.array(boundStatementSchema).min(1).safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** Stands in a binding whose statements stand in parts: whoever knows no parts finds that it contradicts itself. */
export const STATEMENT_IN_PARTS: BoundStatement = {
  text: '',
  standsFor: [],
  parameterTypes: [],
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
  maxRows: 0,
};
