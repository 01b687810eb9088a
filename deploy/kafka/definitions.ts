import { TOPIC_NAMES, type Topic } from '#libs/contracts/topics.js';
import { accessRules, type AccessRule } from '#libs/event-log/kafka/access-rules.js';
import { topicDefinition, type TopicDefinition } from '#libs/event-log/kafka/topic-definition.js';
import { LOG_USERS, type LogUser } from '#libs/event-log/topic-access.js';

/** topics.json and acls.json of this folder, made from what the services themselves go by. */
export const definitions = (
  prefix: string,
): { topics: Record<Topic, TopicDefinition>; acls: Record<LogUser, AccessRule[]> } => ({
  topics: Object.fromEntries(
    TOPIC_NAMES.map((topic) => [`${prefix}${topic}`, topicDefinition(topic)]),
  ) as Record<Topic, TopicDefinition>,
  acls: Object.fromEntries(LOG_USERS.map((user) => [user, accessRules(user, prefix)])) as Record<
    LogUser,
    AccessRule[]
  >,
});
