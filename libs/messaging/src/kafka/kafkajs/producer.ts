import type { KafkaRecord, Position } from '@past-tense/outbox';
import { Partitioners, type Kafka, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import type { KafkaOptions } from '../client';
import type { ProducerClient } from '../producer';
import { rejected, REJECTIONS } from '../rejections';
import { kafkaClient, rootCause } from './client';

/** What a producer is told for every topic because of one that it sent to before, which is gone or has been forbidden since. */
const BECAUSE_OF_ANOTHER = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED']);
const ALL_IN_SYNC_REPLICAS = -1;

/** Sends records with kafkajs. */
export class KafkaJsProducer implements ProducerClient {
  readonly #kafka: Kafka;
  /** The partition that the partitioner has chosen for a message. */
  readonly #chosen = new WeakMap<Message, number>();
  #producer: Promise<Producer> | undefined;

  constructor(options: KafkaOptions) {
    this.#kafka = kafkaClient(options);
  }

  publish = async (records: readonly KafkaRecord[]): Promise<readonly Position[]> => {
    const messages = records.map(({ topic, key, value, headers, timestampMs }) => ({
      topic,
      message: { key, value, headers, ...(timestampMs !== undefined && { timestamp: String(timestampMs) }) },
    }));
    try {
      return await this.#send(messages);
    } catch (error) {
      const cause = rootCause(error);
      if (BECAUSE_OF_ANOTHER.has(cause.type ?? '')) return await this.#sendAfresh(messages);
      // A TypeError is a record that cannot be encoded: sending it again would not help.
      throw REJECTIONS.has(cause.type ?? '') || cause instanceof TypeError ? rejected(messages, cause) : error;
    }
  };

  async disconnect(): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    this.#producer = undefined;
    await producer?.disconnect();
  }

  /**
   * kafkajs asks for the metadata of every topic a producer ever sent to; once one of them is deleted or forbidden, each refresh fails
   * and so do sends to topics that are fine. A new producer has forgotten that one.
   */
  async #sendAfresh(messages: readonly Addressed[]): Promise<Position[]> {
    await this.disconnect();
    try {
      return await this.#send(messages);
    } catch (error) {
      const cause = rootCause(error);
      if (!BECAUSE_OF_ANOTHER.has(cause.type ?? '')) throw error;
      await this.disconnect();
      throw rejected(messages, cause);
    }
  }

  async #send(messages: readonly Addressed[]): Promise<Position[]> {
    const producer = await (this.#producer ??= this.#connect());
    const topicMessages = [...byTopic(messages)].map(([topic, of]) => ({ topic, messages: of }));
    return this.#positions(messages, await producer.sendBatch({ acks: ALL_IN_SYNC_REPLICAS, topicMessages }));
  }

  /** Kafka says where each partition's messages begin; they lie there in the order in which they were given. */
  #positions(messages: readonly Addressed[], taken: readonly RecordMetadata[]): Position[] {
    const next = new Map(taken.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, BigInt(baseOffset ?? 0)]));
    return messages.map(({ topic, message }) => {
      const partition = this.#chosen.get(message) ?? 0;
      const name = `${topic}/${partition}`;
      const offset = next.get(name) ?? 0n;
      next.set(name, offset + 1n);
      return { partition, offset };
    });
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      createPartitioner: () => {
        const partitionOf = Partitioners.DefaultPartitioner();
        return (arguments_) => {
          const partition = partitionOf(arguments_);
          this.#chosen.set(arguments_.message, partition);
          return partition;
        };
      },
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

interface Addressed {
  readonly topic: string;
  readonly message: Message;
}

function byTopic(messages: readonly Addressed[]): Map<string, Message[]> {
  const topics = new Map<string, Message[]>();
  for (const { topic, message } of messages) {
    const before = topics.get(topic);
    if (before) before.push(message);
    else topics.set(topic, [message]);
  }
  return topics;
}
