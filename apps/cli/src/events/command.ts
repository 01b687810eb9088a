import { InvalidArgumentError, Option, type Command } from 'commander';
import type { GlobalOptions } from '../global-options.js';
import { Api } from '../installation/api.js';
import { findCaller } from '../installation/caller.js';
import { write, writeLine, type Terminal } from '../terminal.js';
import { matches, parseSince, type EventFilter, type FeedEvent } from './event-filter.js';
import { readFeed } from './read-feed.js';

/** `countersign events`: every sealed event that matches, one JSON object a line; with --json one array. */
export function addEvents(program: Command, terminal: Terminal, options: () => GlobalOptions): void {
  program
    .command('events')
    .description('sealed events as NDJSON, every match')
    .option('--request <id>', 'of this request: its whole life')
    .option('--session <id>', 'of this session')
    .option('--identity <name>', 'of this person, service or agent')
    .addOption(
      new Option('--since <time>', 'such as 15m or 2026-11-21T13:00:00Z').argParser((text) =>
        since(text, terminal),
      ),
    )
    .action(async (filter: EventFilter) => {
      const { auditUrl, token } = await findCaller(terminal.environment, options().as);
      const feed = readFeed(new Api(auditUrl, token, 'audit'), filter);
      // The topics of one request are sealed side by side: its life is told in the order it happened.
      const told = filter.request === undefined ? feed : await inOrder(feed);
      let found = 0;
      const json = options().json === true;
      for await (const event of told) {
        if (!matches(filter, event)) continue;
        const text = JSON.stringify(event);
        await write(terminal.out, json ? `${found === 0 ? '[\n' : ',\n'}${text}` : `${text}\n`);
        found += 1;
      }
      if (json) await writeLine(terminal.out, found === 0 ? '[]' : '\n]');
    });
}

/** Ids are UUIDv7: within one millisecond of one producer they say what came first. */
async function inOrder(feed: AsyncIterable<FeedEvent>): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for await (const event of feed) events.push(event);
  const key = ({ time, id }: FeedEvent): string => `${time} ${id}`;
  return events.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

function since(text: string, terminal: Terminal): number {
  const time = parseSince(text, terminal.now());
  if (time === undefined) throw new InvalidArgumentError('must be a time, or a length of time such as 15m');
  return time;
}
