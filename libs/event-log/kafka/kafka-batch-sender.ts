import type { Kafka, Message, Producer } from 'kafkajs';
import type { Topic } from '#libs/contracts/topics.js';
import type { Batch, BatchSender } from '../serial-producer.js';

/** Neither more attempts nor time make these better; the producer's sequence may be lost with them. */
const HOPELESS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNKNOWN_PRODUCER_ID',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
]);

/**
 * kafkajs counts a producer's records in 31 bits and goes back to 0 where Kafka would not: long before,
 * the producer takes a new id, between two batches, when everything is acknowledged.
 */
const RECORDS_PER_PRODUCER_ID = 1_000_000_000;

/**
 * Sends batches by one idempotent producer of kafkajs. Its sends must never overlap, and a batch whose
 * fate is unknown must be sent again, the same, before any other: otherwise it loses acknowledged
 * records. SerialProducer sees to both; kafkajs' own retries are few, so that giving up ends them.
 */
export class KafkaBatchSender implements BatchSender {
  private producer: Producer | undefined;
  private inFlight: Promise<unknown> = Promise.resolve();
  private current: { readonly number: number; readonly messages: Message[] } | undefined;
  private sent = 0;

  constructor(
    private readonly kafka: Kafka,
    private readonly topicName: (topic: Topic) => string,
    private readonly recordsPerProducerId = RECORDS_PER_PRODUCER_ID,
  ) {}

  /** Connects and fetches a producer id. */
  async open(): Promise<void> {
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 3 },
      allowAutoTopicCreation: false,
      createPartitioner: () => explicitPartition,
    });
    try {
      await producer.connect();
    } catch (error) {
      await producer.disconnect();
      throw error;
    }
    this.producer = producer;
  }

  async send(batch: Batch): Promise<void> {
    const messages = await this.messagesOf(batch);
    const { producer } = this;
    if (producer === undefined) throw new Error('the producer is not connected');
    const sending = producer.send({ topic: this.topicName(batch.topic), acks: -1, messages });
    this.inFlight = sending.catch(() => undefined);
    await sending;
    this.sent += messages.length;
  }

  isHopeless(error: unknown): boolean {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (HOPELESS.has((cause as { type?: string }).type ?? '')) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    const { producer, inFlight } = this;
    this.producer = undefined;
    await producer?.disconnect();
    // A send under way connects again for its last attempts.
    void inFlight.then(() => producer?.disconnect());
  }

  /** The same array, timestamps included, for every attempt at a batch. */
  private async messagesOf(batch: Batch): Promise<Message[]> {
    if (this.current?.number === batch.number) return this.current.messages;
    if (this.sent + batch.records.length > this.recordsPerProducerId) {
      const before = this.producer;
      await this.open();
      this.sent = 0;
      await before?.disconnect();
    }
    const timestamp = String(Date.now());
    const messages = batch.records.map(({ partition, key, value }) => ({ partition, key, value, timestamp }));
    this.current = { number: batch.number, messages };
    return messages;
  }
}

const explicitPartition = ({ message }: { message: Message }): number => {
  if (message.partition === undefined) throw new Error('a record without a partition');
  return message.partition;
};
