import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '#libs/kernel/settings.js';
import { CommandError } from '../command-error.js';
import type { GlobalOptions } from '../global-options.js';
import { Api } from '../installation/api.js';
import { findCaller } from '../installation/caller.js';
import { writeJson, writeLine, type Terminal } from '../terminal.js';
import { explanationText } from './print-explanation.js';
import { requestLine, requestTable, requestText } from './print-request.js';
import { isApproved, isSettled, type RequestDocument } from './request-document.js';
import { RequestsApi } from './requests-api.js';

const STATES = ['pending', 'granted', 'refused', 'expired', 'cancelled', 'consumed', 'revoked'];

/** One call waits so long, seconds; then it is made again. */
const LONGEST_WAIT_S = 30;

/** `countersign requests …`: what reviewers and requesters do. */
export function addRequests(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  const api = async (): Promise<RequestsApi> => {
    const caller = await findCaller(terminal.environment, options().as);
    return new RequestsApi(new Api(caller.approvalsUrl, caller.token, 'approvals'));
  };
  const print = async (
    request: RequestDocument,
    shown: (terminal: Terminal, request: RequestDocument) => string,
  ): Promise<void> =>
    options().json ? writeJson(terminal, request) : writeLine(terminal.out, shown(terminal, request));

  const requests = program.command('requests').description('statements that wait for, or had, a signature');

  requests
    .command('list')
    .description('newest first; every state without --state')
    .addOption(new Option('--state <state>', 'only these').choices(STATES))
    .action(async ({ state }: { state?: string }) => {
      const found = await (await api()).list(state);
      if (options().json) await writeJson(terminal, { requests: found, next: null });
      else await writeLine(terminal.out, requestTable(terminal, found));
    });

  requests
    .command('show <id>')
    .description('one request, with the whole statement')
    .action(async (id: string) => print(await (await api()).find(id), requestText));

  requests
    .command('explain <id>')
    .description('why it is where it is; exit status 0 only when the same follows from the stored inputs')
    .action(async (id: string) => {
      const explanation = await (await api()).explain(id);
      if (options().json) await writeJson(terminal, explanation);
      else await writeLine(terminal.out, explanationText(explanation));
      if (explanation.same !== true)
        throw new CommandError(`the assessment of ${id} could not be derived again`);
    });

  requests
    .command('approve <id>')
    .description('vote for it; prints the state after the vote')
    .option('--reason <text>', 'why; the requester and the ledger see it')
    .addOption(new Option('--max-rows <n>', 'approve for at most so many rows').argParser(rowLimit))
    .action(async (id: string, { reason, maxRows }: { reason?: string; maxRows?: number }) => {
      const vote = {
        decision: 'approve' as const,
        ...(reason === undefined ? {} : { reason }),
        ...(maxRows === undefined ? {} : { maxRows }),
      };
      await print(await (await api()).vote(id, vote), requestLine);
    });

  requests
    .command('deny <id>')
    .description('refuse it; prints the state after the vote')
    .option('--reason <text>', 'why (required); the requester and the ledger see it')
    .action(async (id: string, { reason }: { reason?: string }) => {
      if (reason === undefined || reason.trim() === '')
        throw new CommandError('deny needs a reason: add --reason "…"');
      await print(await (await api()).vote(id, { decision: 'deny', reason }), requestLine);
    });

  requests
    .command('comment <id> <text>')
    .description('say something without voting')
    .action(async (id: string, text: string) => print(await (await api()).comment(id, text), requestLine));

  requests
    .command('revoke <id>')
    .description('take back a grant that was not used yet')
    .option('--reason <text>', 'why')
    .action(async (id: string, { reason }: { reason?: string }) =>
      print(await (await api()).revoke(id, reason), requestLine),
    );

  requests
    .command('wait <id>')
    .description('wait until it is decided; exit status 0 only when it was approved')
    .addOption(new Option('--timeout <time>', 'such as 90s or 15m').argParser(duration))
    .action(async (id: string, { timeout }: { timeout?: number }) => {
      const request = await untilSettled(await api(), id, terminal, timeout);
      await print(request, requestLine);
      if (!isApproved(request.state))
        throw new CommandError(
          isSettled(request.state)
            ? `request ${id} is ${request.state}`
            : `request ${id} is still ${request.state} after the timeout`,
        );
    });
}

async function untilSettled(
  api: RequestsApi,
  id: string,
  terminal: Terminal,
  timeout = Number.POSITIVE_INFINITY,
): Promise<RequestDocument> {
  const end = terminal.now() + timeout;
  let request = await api.find(id);
  while (!isSettled(request.state) && terminal.now() < end) {
    const left = Math.ceil((end - terminal.now()) / 1_000);
    request = await api.wait(id, Math.min(left, LONGEST_WAIT_S));
  }
  return request;
}

function rowLimit(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('must be a number of rows');
}

function duration(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw new InvalidArgumentError('must be a time such as 90s or 15m');
  return milliseconds;
}
