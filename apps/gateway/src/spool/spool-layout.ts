import type { Topic } from '#libs/contracts/topics.js';

/** The numbers of the spool's format, version 1. docs/formats/spool.md is the contract; all integers are big-endian. */
export const FORMAT_VERSION = 1;

/** The segment header's place; groups follow it. One page, so that no group shares its sectors. */
export const SEGMENT_HEADER_BYTES = 4096;

export const SEGMENT_MAGIC = Buffer.from('CSSPOOL\n', 'latin1');

/** Starts with 0x1e, which JSON text cannot contain: no event can imitate a group. */
export const GROUP_MAGIC = 0x1e435331;

/** Groups start at multiples of this, so that a group header never straddles a disk sector. */
export const GROUP_ALIGNMENT = 32;
export const GROUP_HEADER_BYTES = 32;

/** What a disk writes whole or not at all, at the least. */
export const SECTOR_BYTES = 512;

/** Length, kind, topic, partition, sequence, key length: what stands before the key of a record. */
export const RECORD_PREFIX_BYTES = 4 + 1 + 1 + 2 + 8 + 2;

export const RECORD_KINDS = { event: 1, checkpoint: 2, drained: 3 } as const;

/** On disk a topic is a number that never changes its meaning. */
export const TOPIC_NUMBERS = {
  statements: 1,
  requests: 2,
  decisions: 3,
  approvals: 4,
  control: 5,
} as const satisfies Record<Topic, number>;

const TOPIC_BY_NUMBER = new Map<number, Topic>(
  Object.entries(TOPIC_NUMBERS).map(([topic, number]) => [number, topic as Topic]),
);

export const topicOfNumber = (number: number): Topic | undefined => TOPIC_BY_NUMBER.get(number);

export const aligned = (bytes: number): number => Math.ceil(bytes / GROUP_ALIGNMENT) * GROUP_ALIGNMENT;

const SEGMENT_NAME = /^segment-([0-9]{10})\.spool$/;

export const segmentName = (number: number): string => `segment-${String(number).padStart(10, '0')}.spool`;

/** The number in a segment's file name; undefined for every other file. */
export function segmentNumber(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
