import kafkajs, { type logCreator } from 'kafkajs';
import type { Logger } from 'pino';

/** Said in the normal course of things: a fresh broker, a rebalance, the one-send rule of this adapter. */
const HARMLESS = [
  /The coordinator is loading and hence can't process requests/,
  /The group coordinator is not available/,
  /Limiting retries for the idempotent producer/,
  /The group is rebalancing, so a rejoin is needed|The group is rebalancing, re-joining/,
  /The coordinator is not aware of this member/,
  /Response without match/,
];

/** kafkajs' log lines as pino's: its info is our debug, and so is what only sounds bad. */
export const kafkaLogCreator =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, level, log }) => {
    const { message, ...rest } = log;
    for (const noise of ['timestamp', 'logger', 'stack']) delete rest[noise];
    const harmless = HARMLESS.some((pattern) => pattern.test(message) || pattern.test(String(rest['error'])));
    const write =
      level === kafkajs.logLevel.ERROR && !harmless
        ? 'error'
        : level === kafkajs.logLevel.WARN && !harmless
          ? 'warn'
          : 'debug';
    logger[write]({ ...rest, component: `kafkajs ${namespace}` }, message);
  };
