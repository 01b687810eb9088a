import type { StatementAnalysis } from '#libs/sql/analysis.js';
import type { RuleMatch, Verdict } from '#libs/policy/policy.js';
import { oneLine, withoutControls } from '../output/table.js';
import { coloured, type Colour } from '../terminal.js';
import type { Explained } from './explained.js';
import type { Estimate } from './estimate.js';

const COLOURS: Readonly<Record<Verdict['effect'], Colour>> = {
  allow: 'green',
  review: 'yellow',
  deny: 'red',
};

/** One JSON document for scripts; `verdict` and the fields beside it are of the whole message. */
export function explanationDocument({
  found,
  identity,
  target,
  analysis,
  explanation,
  estimate,
}: Explained): object {
  const { verdict, matches } = explanation;
  const { statements } = analysis;
  const { policy: _policy, ...rest } = verdict;
  return {
    verdict: verdict.effect,
    ...rest,
    why: [...new Set(matches.flat().map(({ rule }) => rule))],
    tables: unique(statements, ({ reads, writes }) => [...reads, ...writes]),
    bounded: statements.every(({ bounded }) => bounded),
    incomplete: statements.find(({ incomplete }) => incomplete !== undefined)?.incomplete ?? null,
    estimate: { ...estimate, share: shareOf(estimate) },
    policy: { version: found.policy.version, sha256: found.policy.hash, source: found.source },
    identity: { name: identity.name, kind: identity.kind, groups: identity.groups },
    target,
    statements: statements.map((statement, index) => ({
      kind: statement.kind,
      kinds: statement.kinds,
      category: statement.category,
      reads: statement.reads,
      writes: statement.writes,
      functions: statement.functions,
      settings: statement.settings,
      traits: statement.traits,
      bounded: statement.bounded,
      incomplete: statement.incomplete ?? null,
      ...(statement.resolution === undefined
        ? {}
        : {
            columns: [
              ...new Set([...statement.resolution.columnsRead, ...statement.resolution.columnsWritten]),
            ],
            personalData: statement.resolution.personalData,
          }),
      matches: matches[index] ?? [],
    })),
  };
}

/** The same for people. */
export function explanationText(explained: Explained, out: NodeJS.WriteStream): string {
  const { found, identity, target, analysis, explanation, estimate } = explained;
  const { verdict, matches } = explanation;
  const lines = [
    `${coloured(out, COLOURS[verdict.effect], verdict.effect.toUpperCase())} by rule ${verdict.rule}: ${verdict.reason}`,
    row(
      'policy',
      `version ${found.policy.version}, ${found.source}, sha256 ${found.policy.hash.slice(0, 12)}…`,
    ),
    row('as', `${identity.name} (${identity.kind}; ${identity.groups.join(', ') || 'no groups'})`),
    row('target', `${target.name}/${target.database} (${target.environment})`),
    ...addedLines(verdict),
    ...analysis.statements.flatMap((statement, index) =>
      statementLines(statement, matches[index] ?? [], analysis.statements.length > 1 ? index + 1 : undefined),
    ),
    row('estimate', estimateText(estimate)),
  ];
  return withoutControls(lines.join('\n'));
}

function addedLines({ reviewers, expiresMs, flags, risk, controls, maxRows, redact }: Verdict): string[] {
  const lines: string[] = [];
  if (reviewers.length > 0) {
    const places = reviewers
      .map(({ group, or = [], count }) => `${count} of group ${[group, ...or].join(' or ')}`)
      .join(', ');
    lines.push(row('signers', `${places}${expiresMs === undefined ? '' : `, within ${expiresMs / 1000} s`}`));
  }
  if (risk !== undefined) lines.push(row('risk', String(risk)));
  if (flags !== undefined) lines.push(row('flags', flags.join(', ')));
  if (controls !== undefined) lines.push(row('controls', controls.join(', ')));
  if (maxRows !== undefined) lines.push(row('rows', `at most ${maxRows} changed`));
  if (redact !== undefined) lines.push(row('record', `without ${redact.join(' and ')}`));
  return lines;
}

function statementLines(
  statement: StatementAnalysis,
  matches: readonly RuleMatch[],
  number: number | undefined,
): string[] {
  const { kinds, category, reads, writes, functions, bounded, incomplete, resolution } = statement;
  const list = (label: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : [row(label, oneLine(items.join(', '), 300))];
  return [
    row(number === undefined ? 'statement' : `statement ${number}`, `${kinds.join(', ')} (${category})`),
    ...list('reads', reads),
    ...list('writes', writes),
    ...list('functions', functions),
    ...list('personal', resolution?.personalData ?? []),
    row('bounded', bounded ? 'yes' : 'no: the write may touch every row'),
    row('complete', incomplete === undefined ? 'yes' : `no: ${oneLine(incomplete, 200)}`),
    ...(matches.length === 0 ? [row('why', 'no rule matches: the default decides')] : []),
    ...matches.map(({ rule, effect, reason, failed }, index) =>
      row(
        index === 0 ? 'why' : '',
        `${rule} (${effect})${failed ? ', which could not be evaluated' : ''}: ${reason}`,
      ),
    ),
  ];
}

const row = (label: string, text: string): string => `  ${label.padEnd(12)}${text}`;

const shareOf = ({ rows, tableRows }: Estimate): number | null =>
  rows === null || tableRows === null || tableRows <= 0 ? null : Math.min(1, rows / tableRows);

function estimateText(estimate: Estimate): string {
  const { rows, tableRows, why } = estimate;
  if (rows === null) return `none: ${why ?? 'unknown'}`;
  const share = shareOf(estimate);
  return `${rows} rows${share === null ? '' : ` of ${tableRows} (${Math.round(share * 100)} %)`}`;
}

const unique = (
  statements: readonly StatementAnalysis[],
  pick: (statement: StatementAnalysis) => readonly string[],
): string[] => [...new Set(statements.flatMap(pick))];
