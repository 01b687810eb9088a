import type { Command } from 'commander';
import { z } from 'zod';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { Api } from '../installation/api.js';
import { findCaller } from '../installation/caller.js';
import { writeJson, writeLine, type Terminal } from '../terminal.js';

const linkedSchema = z.object({
  name: z.string(),
  slackUser: z.string(),
  slackName: z.string(),
  team: z.string(),
});
const unlinkedSchema = z.object({ unlinked: z.boolean() });

/** `countersign slack …`: whose Slack account decides as whom. */
export function addSlack(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const api = async (): Promise<Api> => {
    const caller = await findCaller(terminal.environment, options().as);
    return new Api(caller.approvalsUrl, caller.token, 'approvals');
  };
  const slack = program
    .command('slack')
    .description('your Slack account, where the directory does not list it');

  slack
    .command('link <code>')
    .description('link the Slack account that was shown this code to you: it will decide as you')
    .requiredOption('--slack-user <id>', 'the Slack user id that stands beside the code')
    .action(async (code: string, { slackUser }: { slackUser: string }) => {
      const linked = read(linkedSchema, await (await api()).post('/v1/slack/links', { code, slackUser }));
      if (options().json) await writeJson(terminal, linked);
      else
        await writeLine(
          terminal.out,
          `${linked.slackName} (${linked.slackUser}) in Slack now decides as ${linked.name}. countersign slack unlink ends that.`,
        );
    });

  slack
    .command('unlink')
    .description('end the link of your Slack account')
    .action(async () => {
      const answer = read(unlinkedSchema, await (await api()).delete('/v1/slack/links'));
      if (options().json) await writeJson(terminal, answer);
      else await writeLine(terminal.out, answer.unlinked ? 'Unlinked.' : 'There was no link.');
    });
}

function read<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CommandError(
    'approvals answered in a form this version does not know: use the command line of its version',
  );
}
