import type { TopicPartition } from './port.js';

/** `topic/partition`: the key of maps over partitions, and how logs name one. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
