import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { PolicyError } from './policy-error.js';
import { policySource, type PolicySourceFile } from './policy-schema.js';

/** What the control event can carry. */
export const MAX_POLICY_BYTES = 262_144;

/** A policy's text, read and checked for form, that knows on which line each part stands. */
export interface PolicyDocument {
  readonly file: string;
  readonly text: string;
  readonly yaml: Document.Parsed;
  readonly content: PolicySourceFile;
  /** The line, from 1, of what stands at this path; of its nearest parent where that is absent. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Throws PolicyError for the first thing that is wrong. */
export function readPolicyDocument(text: string, file: string): PolicyDocument {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new PolicyError(file, 1, `is longer than ${MAX_POLICY_BYTES} bytes`);
  }
  const lines = new LineCounter();
  // YAML 1.2: `on` and `off` are words, not booleans.
  const yaml = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    uniqueKeys: true,
    prettyErrors: false,
  });
  const broken = yaml.errors[0] ?? yaml.warnings[0];
  if (broken !== undefined) {
    throw new PolicyError(file, lines.linePos(broken.pos[0]).line, oneLine(broken.message));
  }
  const lineOf = (path: readonly PropertyKey[]): number => {
    const offset = offsetOf(yaml.contents, path);
    return offset === undefined ? 1 : lines.linePos(offset).line;
  };
  const result = policySource.safeParse(toPlain(yaml, file));
  if (!result.success) {
    const issue = result.error.issues[0];
    const unknownKey = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    const path = [...(issue?.path ?? []), ...unknownKey];
    const where = path.length === 0 ? '' : `${path.map(String).join('.')}: `;
    const reason = unknownKey.length > 0 ? 'is not a key that exists' : (issue?.message ?? 'is not valid');
    throw new PolicyError(file, lineOf(path), oneLine(`${where}${reason}`));
  }
  return { file, text, yaml, content: result.data, lineOf };
}

function toPlain(yaml: Document.Parsed, file: string): unknown {
  try {
    return yaml.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw new PolicyError(file, 1, oneLine(error instanceof Error ? error.message : String(error)));
  }
}

function offsetOf(root: Node | null, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
