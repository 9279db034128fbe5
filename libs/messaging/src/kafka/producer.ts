import type { KafkaRecord, Position, Publish } from '@past-tense/outbox';
import type { KafkaOptions } from './client';
import { producerClient } from './clients';

/** What a Kafka client does for a producer. */
export interface ProducerClient {
  readonly publish: Publish;
  disconnect(): Promise<void>;
}

/**
 * Sends records and returns when all in-sync replicas have them.
 *
 * Not idempotent in Kafka's sense on purpose: after a failed send, kafkajs's idempotent producer can give a concurrent send
 * the same sequence numbers, and the broker drops it as a duplicate. A record sent twice is recognised by its event id; a
 * record that is dropped is lost.
 */
export class KafkaProducer implements ProducerClient {
  readonly #client: ProducerClient;

  /** @throws Error if the client that the options ask for is not installed */
  constructor(options: KafkaOptions) {
    this.#client = producerClient(options);
  }

  /**
   * Sends records in order per key.
   * @returns where each of them is
   * @throws RecordRejectedError if Kafka refuses one of them for good; any other error means that it may be tried again
   */
  publish = async (records: readonly KafkaRecord[]): Promise<readonly Position[]> => await this.#client.publish(records);

  async disconnect(): Promise<void> {
    await this.#client.disconnect();
  }
}
