import type { Command } from '@nestjs/cqrs';
import type { Directory } from '#libs/identity/directory.js';
import type { Clock } from '#libs/kernel/clock.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import type { Executed } from '../../request/write/request-executor.js';
import type { MessageOptions } from '../blocks/shown-request.js';
import type { SlackPeople } from '../people/slack-people.js';
import type { SlackWeb } from '../slack-web.js';

export interface CarryOutDependencies {
  readonly pool: DatabasePool;
  readonly directory: Directory;
  readonly people: SlackPeople;
  readonly web: SlackWeb;
  readonly clock: Clock;
  /** The way every vote and comment goes, from wherever it comes. */
  readonly execute: (command: Command<Executed>) => Promise<Executed>;
  readonly messageOptions: () => MessageOptions;
  readonly newLinkCode: () => string;
}
