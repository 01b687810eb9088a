import { codeSpan, inertCode, takeInert } from './inert-text.js';
import { context, section, type Block } from './block.js';
import { signalLines } from './signal-lines.js';
import type { MessageOptions, ShownRequest } from './shown-request.js';

const LISTED = 20;

/** What an approval would bind beside the text: shown to one person who asked for it. */
export function detailsMessage(request: ShownRequest, options: MessageOptions): Block[] {
  const { view, binding } = request;
  const blocks: Block[] = [
    section(
      [
        `*Request* \`${view.id}\` · *state* ${view.state}`,
        `*Digest that is signed* \`${inertCode(view.digest)}\``,
        `*Policy* version ${view.policyVersion}, \`${inertCode(view.policyHash.slice(0, 64))}\`, rule ${codeSpan(view.rule, 80)}`,
        `*Session* ${codeSpan(view.sessionId ?? 'none', 60)} · *gateway* ${codeSpan(view.gatewayId, 60)}`,
      ].join('\n'),
    ),
    section(signalLines(request, options.showSql).join('\n')),
  ];
  if (binding !== undefined && options.showSql) {
    blocks.push(
      listed(
        'Objects',
        binding.objects.map((each) => `${each.class} ${each.name} (oid ${each.oid})`),
      ),
    );
    blocks.push(
      listed(
        'Settings',
        Object.entries(binding.settings).map(([name, value]) => `${name} = ${value}`),
      ),
    );
    const parameters = binding.statements.flatMap(({ parameters, parameterFormats }) =>
      parameters.map((value, index) =>
        value === null
          ? 'NULL'
          : parameterFormats[index] === 1
            ? `binary, ${Buffer.byteLength(value, 'base64')} bytes`
            : Buffer.from(value, 'base64').toString('utf8'),
      ),
    );
    if (parameters.length > 0)
      blocks.push(
        listed(
          'Parameters',
          parameters.map((value, index) => `$${index + 1} = ${value}`),
        ),
      );
  }
  blocks.push(context(`All of it: \`countersign requests show ${view.id} --json\``));
  return blocks;
}

function listed(title: string, items: readonly string[]): Block {
  const shown = items.slice(0, LISTED).map((item) => `• ${codeSpan(item, 110)}`);
  const more = items.length > LISTED ? [`… and ${items.length - LISTED} more`] : [];
  return section([`*${title}*`, ...(items.length === 0 ? ['none'] : shown), ...more].join('\n'));
}

/** The whole text of what somebody is told, cut to one section. */
export const told = (text: string): string => {
  const taken = takeInert(text, 2_900);
  return taken.units === text.length ? taken.shown : `${taken.shown} …`;
};
