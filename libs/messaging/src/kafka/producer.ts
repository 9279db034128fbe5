import { RecordRejectedError, type KafkaRecord } from '@past-tense/outbox';
import { Partitioners, type Kafka, type Producer, type TopicMessages } from 'kafkajs';
import { kafkaClient, rootCause, type KafkaOptions } from './client';

// https://kafka.apache.org/protocol#protocol_error_codes
const REJECTED = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
]);
const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';
const ALL_IN_SYNC_REPLICAS = -1;

/**
 * Sends records and returns when all in-sync replicas have them.
 *
 * Not idempotent in Kafka's sense on purpose: after a failed send, kafkajs's idempotent producer can give a concurrent send
 * the same sequence numbers, and the broker drops it as a duplicate. A record sent twice is recognised by its event id; a
 * record that is dropped is lost.
 */
export class KafkaProducer {
  readonly #kafka: Kafka;
  #producer: Promise<Producer> | undefined;

  constructor(options: KafkaOptions) {
    this.#kafka = kafkaClient(options);
  }

  /**
   * Sends records in order per key.
   * @throws RecordRejectedError if Kafka refuses one of them for good; any other error means that it may be tried again
   */
  publish = async (records: readonly KafkaRecord[]): Promise<void> => {
    const topicMessages = byTopic(records);
    try {
      await this.#send(topicMessages);
    } catch (error) {
      const cause = rootCause(error);
      if (cause.type === UNKNOWN_TOPIC) return await this.#sendAfresh(topicMessages);
      // A TypeError is a record that cannot be encoded: sending it again would not help.
      throw REJECTED.has(cause.type ?? '') || cause instanceof TypeError ? rejected(topicMessages, cause) : error;
    }
  };

  async disconnect(): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    this.#producer = undefined;
    await producer?.disconnect();
  }

  /**
   * kafkajs asks for the metadata of every topic a producer ever sent to; once one of them is deleted, each refresh fails and
   * so do sends to topics that are fine. A new producer has forgotten the deleted one.
   */
  async #sendAfresh(topicMessages: TopicMessages[]): Promise<void> {
    await this.disconnect();
    try {
      await this.#send(topicMessages);
    } catch (error) {
      const cause = rootCause(error);
      if (cause.type !== UNKNOWN_TOPIC) throw error;
      await this.disconnect();
      throw rejected(topicMessages, cause);
    }
  }

  async #send(topicMessages: TopicMessages[]): Promise<void> {
    const producer = await (this.#producer ??= this.#connect());
    await producer.sendBatch({ acks: ALL_IN_SYNC_REPLICAS, topicMessages });
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      this.#producer = undefined;
      throw error;
    }
  }
}

function byTopic(records: readonly KafkaRecord[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, key, value, headers } of records) {
    const messages = topics.get(topic) ?? { topic, messages: [] };
    messages.messages.push({ key, value, headers });
    topics.set(topic, messages);
  }
  return [...topics.values()];
}

function rejected(topicMessages: readonly TopicMessages[], cause: Error): RecordRejectedError {
  const topics = topicMessages.map(({ topic }) => topic).join(', ');
  return new RecordRejectedError(`Kafka refuses a record for ${topics}: ${cause.message}`, { cause });
}
