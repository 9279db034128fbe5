import type { Database } from '@past-tense/database';
import type { KafkaOptions } from '../kafka/client';
import { consumerLag, type PartitionLag } from '../kafka/consumer-lag';
import { offsetsAt } from '../kafka/offsets';
import { LagTrend } from './lag-trend';
import { ResetRecords, type PositionReset } from './reset-records';
import { movesOf, ResetRefused, type PartitionMove, type ResetCommand } from './target';

export interface PositionsOptions {
  readonly consumer: string;
  readonly kafka: KafkaOptions;
  readonly database: Database;
  /** Topics of the events that it consumes. */
  readonly topics: readonly string[];
}

/** How far a consumer is on its topics, whichever instances do the work. */
export interface ConsumerPositions {
  readonly consumer: string;
  /** In order of topic and partition. */
  readonly partitions: readonly PartitionLag[];
  /** Events that are not done. */
  readonly lag: number;
  /** Seconds until there are none, by how fast they became less between the last looks; undefined while they do not. */
  readonly catchUpSeconds: number | undefined;
}

/** Kafka could not be asked, or refused to answer. */
export class PositionsUnknown extends Error {
  override name = 'PositionsUnknown';
}

/**
 * How far a consumer is, and the commands to go on elsewhere, for whoever operates it. Commands are recorded in the database of the consumer;
 * the instances that have the partitions do them.
 */
export class Positions {
  readonly #options: PositionsOptions;
  readonly #records: ResetRecords;
  readonly #trend = new LagTrend();
  #looking: Promise<ConsumerPositions> | undefined;

  constructor(options: PositionsOptions) {
    this.#options = options;
    this.#records = new ResetRecords(options.database, options.consumer);
  }

  /**
   * Looks how far the consumer is.
   * @throws PositionsUnknown if Kafka does not answer
   */
  async now(): Promise<ConsumerPositions> {
    // However many ask at once, Kafka is asked once.
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return await this.#looking;
  }

  /**
   * What a command would mean; changes nothing.
   * @throws ResetRefused if it cannot be done; PositionsUnknown if Kafka does not answer
   */
  async preview({ topic, partition, to }: ResetCommand): Promise<PartitionMove[]> {
    const { consumer, kafka, topics } = this.#options;
    if (!topics.includes(topic))
      throw new ResetRefused('topic', `${consumer} does not consume ${topic}; it consumes ${topics.join(', ')}.`);
    return await asked(async () => {
      // A moment before 1970 is a code for something else to Kafka.
      const at = typeof to === 'object' && 'time' in to ? await offsetsAt(kafka, topic, Math.max(0, Date.parse(to.time))) : new Map();
      return movesOf({ topic, partition, to }, inOrder(await consumerLag(kafka, consumer, [topic])), at);
    });
  }

  /**
   * Records a command to go on elsewhere. Each instance does it for the partitions it has within a second or two; a partition that nobody has
   * waits for whoever gets it. A later command for a partition supersedes an earlier one that is still open.
   * @param by who asks for it
   * @throws ResetRefused if it cannot be done; PositionsUnknown if Kafka does not answer
   */
  async reset(command: ResetCommand, by: string): Promise<PositionReset> {
    const { consumer, kafka } = this.#options;
    const id = await this.#records.add(command, await this.preview(command), by);
    kafka.logger.info(
      { consumer, resetId: id, topic: command.topic, partition: command.partition, to: command.to, by },
      'a position is to be reset',
    );
    return (await this.#records.find(id))!;
  }

  /**
   * The commands that were recorded, the newest first.
   * @param before the id after which to go on
   */
  async list(limit: number, before?: string): Promise<PositionReset[]> {
    return await this.#records.list(limit, before);
  }

  async find(id: string): Promise<PositionReset | undefined> {
    return await this.#records.find(id);
  }

  async #look(): Promise<ConsumerPositions> {
    const { consumer, kafka, topics } = this.#options;
    const partitions = inOrder(await asked(() => consumerLag(kafka, consumer, topics)));
    const lag = partitions.reduce((sum, one) => sum + one.lag, 0);
    return { consumer, partitions, lag, catchUpSeconds: this.#trend.note(Date.now(), lag) };
  }
}

async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof ResetRefused) throw error;
    throw new PositionsUnknown(`Kafka does not say how far the consumer is: ${(error as Error).message}`, { cause: error });
  }
}

function inOrder(partitions: readonly PartitionLag[]): PartitionLag[] {
  return [...partitions].sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
}
