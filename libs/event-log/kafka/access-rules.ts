import { LOG_USERS, NEVER_TRIMMED, TOPIC_ACCESS, groupsOf, type LogUser } from '../topic-access.js';

export type AccessOperation = 'READ' | 'WRITE' | 'DELETE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS';

/** What a service may do with one topic, one group, or every group whose name begins so. */
export interface AccessRule {
  readonly resource: 'TOPIC' | 'GROUP';
  readonly pattern: 'LITERAL' | 'PREFIXED';
  /** With the installation's KAFKA_TOPIC_PREFIX in front. */
  readonly name: string;
  readonly operations: readonly AccessOperation[];
}

/**
 * Kafka's ACLs of a service: what TOPIC_ACCESS says and nothing else. Every service looks at the settings
 * of its topics when it starts; audit trims, for which it has to know how far the other groups have read.
 * READ, WRITE and DELETE include DESCRIBE; WRITE on a topic includes the idempotent producer.
 */
export function accessRules(user: LogUser, prefix: string): AccessRule[] {
  const { append, read, groups } = TOPIC_ACCESS[user];
  const rules: AccessRule[] = [];
  const topic = (name: string, operations: AccessOperation[]): void =>
    void rules.push({ resource: 'TOPIC', pattern: 'LITERAL', name: `${prefix}${name}`, operations });
  const group = (name: string, pattern: AccessRule['pattern'], operation: AccessOperation): void =>
    void rules.push({ resource: 'GROUP', pattern, name: `${prefix}${name}`, operations: [operation] });
  for (const name of new Set([...append, ...read])) {
    topic(name, [
      ...(append.includes(name) ? (['WRITE'] as const) : []),
      ...(read.includes(name) ? (['READ'] as const) : []),
      ...(user === 'audit' && !NEVER_TRIMMED.includes(name) ? (['DELETE'] as const) : []),
      'DESCRIBE_CONFIGS',
    ]);
  }
  for (const name of Object.keys(groups)) group(name, 'LITERAL', 'READ');
  const alone = read.some((name) => !Object.values(groups).some((topics) => topics.includes(name)));
  if (alone) group(`tail-${user}-`, 'PREFIXED', 'READ');
  if (user === 'audit') {
    const others = new Set(LOG_USERS.flatMap((each) => Object.keys(TOPIC_ACCESS[each].groups)));
    for (const name of others)
      if (!(name in groups) && read.some((each) => groupsOf(each).includes(name)))
        group(name, 'LITERAL', 'DESCRIBE');
  }
  return rules;
}
