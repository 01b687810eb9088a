import { readFileSync } from 'node:fs';
import { isSeq, parseDocument } from 'yaml';
import { reviewersSchema, type Reviewers } from '#libs/contracts/events/request-events.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { compileRule } from './compile-rule.js';
import { CompiledPolicy } from './compiled-policy.js';
import { compileRisk } from './evaluate-risk.js';
import type { Policy } from './policy.js';
import { readPolicyDocument, type PolicyDocument } from './policy-document.js';
import { PolicyError } from './policy-error.js';

export interface PolicySource {
  /** YAML; reading files is the caller's. */
  readonly text: string;
  /** Its name in errors. */
  readonly file: string;
  /** The group that signs where the policy names nobody (COUNTERSIGN_REVIEWERS). Default `dba`. */
  readonly reviewers?: string;
}

/**
 * The policy a text stands for, whole, or a PolicyError that names file, line and reason. With
 * `extends: builtin` the built-in rules come last, and `text` and `hash` of the result are of the merged
 * policy: what is published needs nothing beside itself.
 */
export function loadPolicy({ text, file, reviewers = 'dba' }: PolicySource): Policy {
  const own = readPolicyDocument(text, file);
  const policy = compile(own, reviewers);
  return own.content.extends === undefined ? policy : merge(own, reviewers);
}

/** The policy of an installation that was given none. */
export function loadBuiltinPolicy({ reviewers = 'dba' }: { reviewers?: string } = {}): Policy {
  return compile(readPolicyDocument(builtinText(reviewers), 'builtin.yaml'), reviewers);
}

/** Where no rule matches and the policy does not say, the answer is no. */
const ABSENT_DEFAULT = 'deny';

function compile(document: PolicyDocument, reviewers: string): Policy {
  const { content, file } = document;
  const fallback: Reviewers = content.reviewers ?? [{ group: reviewers, count: 1 }];
  const seen = new Map<string, number>();
  const rules = (content.rules ?? []).map((source, index) => {
    const line = document.lineOf(['rules', index, 'id']);
    const before = seen.get(source.id);
    if (before !== undefined) {
      throw new PolicyError(file, line, `rule ${source.id}: the id is taken by line ${before}`);
    }
    seen.set(source.id, line);
    return compileRule(source, index, document, fallback);
  });
  if (content.risk !== undefined) compileRisk(content.risk, document);
  return new CompiledPolicy({
    version: content.version,
    text: document.text,
    rules,
    defaultEffect: content.default ?? ABSENT_DEFAULT,
    defaultReviewers: fallback,
    timeZone: content.timeZone ?? 'UTC',
    change: content.change,
    changeRules: content.policyChanges,
    sourceHash: MADE_FROM.exec(document.text)?.[1] ?? sha256Hex(Buffer.from(document.text, 'utf8')),
  });
}

/** The built-in policy as YAML with this group in the place of its reviewers. */
function builtinText(group: string): string {
  const text = readFileSync(new URL('./builtin.yaml', import.meta.url), 'utf8');
  const checked = reviewersSchema.safeParse([{ group, count: 1 }]);
  if (!checked.success) throw new PolicyError('builtin.yaml', 1, 'reviewers: must be the name of a group');
  return text.replace(/^reviewers: .*$/m, () => `reviewers: [{ group: ${JSON.stringify(group)}, count: 1 }]`);
}

/** The first line of a policy that extends the built-in one: it is the same change for as long as its own text is. */
const madeFrom = (text: string): string =>
  `# Made from a text with SHA-256 ${sha256Hex(Buffer.from(text, 'utf8'))} and the built-in policy.`;
const MADE_FROM = /^# Made from a text with SHA-256 ([0-9a-f]{64}) and the built-in policy\.$/m;

/** The policy's own rules, then the built-in ones; what it sets itself stands in the place of the built-in's. */
function merge(own: PolicyDocument, reviewers: string): Policy {
  const merged = parseDocument(builtinText(reviewers));
  const rules = merged.get('rules');
  const builtinIds = new Set((merged.toJS() as { rules: { id: string }[] }).rules.map((rule) => rule.id));
  own.content.rules?.forEach((rule, index) => {
    if (!builtinIds.has(rule.id)) return;
    const line = own.lineOf(['rules', index, 'id']);
    throw new PolicyError(own.file, line, `rule ${rule.id}: the id is taken by the built-in policy`);
  });
  const plain = own.yaml.toJS() as Record<string, unknown>;
  for (const key of [
    'version',
    'default',
    'masking',
    'reviewers',
    'timeZone',
    'change',
    'routing',
    'risk',
    'policyChanges',
  ]) {
    if (plain[key] !== undefined) merged.set(key, merged.createNode(plain[key]));
  }
  if (!isSeq(rules)) throw new PolicyError('builtin.yaml', 1, 'has no rules');
  // In front: of rules that ask the same, a policy's own names the reviewers.
  const before = own.content.rules === undefined ? [] : (plain['rules'] as unknown[]);
  for (const rule of before.toReversed()) {
    rules.items.unshift(merged.createNode(rule));
  }
  const text = `${madeFrom(own.text)}\n${merged.toString({ lineWidth: 0 })}`;
  return compile(readPolicyDocument(text, own.file), reviewers);
}
