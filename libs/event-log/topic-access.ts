import { TOPIC_NAMES, type Topic } from '#libs/contracts/topics.js';

/** Who uses the event log. Each has its own database role, or its own principal on Kafka. */
export type LogUser = 'gateway' | 'approvals' | 'audit';

export interface TopicAccess {
  readonly append: readonly Topic[];
  readonly read: readonly Topic[];
  /** Consumer groups it shares work in, and what those read. The gateway reads alone. */
  readonly groups: Readonly<Record<string, readonly Topic[]>>;
}

/**
 * The whole of what each service may do; everything else is refused by the database's functions
 * (event_log.permissions, deploy/migrations/event-log) or the broker's ACLs (deploy/kafka/acls.json).
 */
export const TOPIC_ACCESS: Readonly<Record<LogUser, TopicAccess>> = {
  gateway: { append: ['statements', 'requests'], read: ['decisions', 'control'], groups: {} },
  approvals: {
    append: ['decisions', 'approvals', 'control'],
    read: ['requests', 'control'],
    groups: { approvals: ['requests'] },
  },
  audit: { append: [], read: TOPIC_NAMES, groups: { audit: TOPIC_NAMES } },
};

export const LOG_USERS = Object.keys(TOPIC_ACCESS) as LogUser[];

/** Kept for ever: it is read from its start. */
export const NEVER_TRIMMED: readonly Topic[] = ['control'];

/** The groups that must have read a record before it may go. */
export const groupsOf = (topic: Topic): string[] =>
  LOG_USERS.flatMap((user) =>
    Object.entries(TOPIC_ACCESS[user].groups).flatMap(([group, topics]) =>
      topics.includes(topic) ? [group] : [],
    ),
  );

/** The topics a service uses in any way. */
export const topicsOf = (user: LogUser): Topic[] =>
  TOPIC_NAMES.filter(
    (topic) => TOPIC_ACCESS[user].append.includes(topic) || TOPIC_ACCESS[user].read.includes(topic),
  );
