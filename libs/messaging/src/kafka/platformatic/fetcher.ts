import { ConnectionPool, Consumer, IS_CONTROL, ListOffsetTimestamps, type ClusterMetadata, type fetchV17 } from '@platformatic/kafka';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceOptions } from '../source';
import type { Assignment } from './assignment';
import { clientOptions, hearErrors, isAnswer, pauseAfter, within, REQUEST_TIMEOUT_MS } from './client';
import { matching, messagesIn, type Fetched } from './fetched';

const MAX_WAIT_MS = 500;
const MAX_BYTES_PER_PARTITION = 128 * 1024;
const MAX_BYTES = 5 * 1_048_576;
/**
 * A broker answers the requests of a connection one after the other, and waits for `MAX_WAIT_MS` with one that finds nothing. On a second
 * connection a partition that is resumed meanwhile need not wait for that.
 */
const CONNECTIONS_PER_BROKER = 2;
// https://kafka.apache.org/protocol#protocol_error_codes
const OFFSET_OUT_OF_RANGE = 1;

interface Partition {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  /** Offset to go on at; undefined until it is known. */
  next: bigint | undefined;
  paused: boolean;
  /** The request that is on its way for it. The answer to another one is dropped. */
  request: symbol | undefined;
}

interface Lane {
  pool: ConnectionPool;
  busy: boolean;
}

export interface FetcherOptions extends SourceOptions {
  /** Where the group has got to, by the names of the partitions. */
  readonly committed: (assignment: Assignment) => Promise<ReadonlyMap<string, bigint>>;
  /** Whether a failure is one that no waiting mends. Everything else is tried again. */
  readonly onRefused: (error: unknown) => boolean;
}

/** Fetches from the partitions that are assigned, and knows where each goes on. */
export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #client: Consumer;
  /** Two for each broker. */
  readonly #lanes = new Map<number, Lane[]>();
  readonly #stopping = new AbortController();
  /** Replaced as a whole when the assignment changes. Who was served last is asked for last: a full answer must not starve the same ones. */
  #partitions = new Map<string, Partition>();
  #pausedAll = false;
  #failures = 0;
  #wake: () => void = () => undefined;
  #woken = Promise.resolve();

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#client = new Consumer({ ...clientOptions(options), groupId: options.group });
    hearErrors(this.#client.connections);
    this.#client.topics.trackAll(...options.topics);
    this.#sleepUntilWoken();
  }

  /** Fetches until it is stopped. */
  start(): void {
    void this.#run();
  }

  /**
   * Numbers of partitions of topics.
   * @throws what Kafka says, among it that there is no such topic
   */
  async partitionsOf(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const metadata = await this.#metadata(topics);
    return new Map(topics.map((topic) => [topic, metadata.topics.get(topic)!.partitionsCount]));
  }

  /** Begins with what is assigned, and only that. */
  assign(assignment: Assignment): void {
    const all = [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    this.#partitions = new Map(
      all.map(({ topic, partition }) => {
        const name = `${topic}/${partition}`;
        return [name, { topic, partition, name, next: undefined, paused: false, request: undefined }];
      }),
    );
    this.#wake();
  }

  has(topic: string, partition: number): boolean {
    return this.#partitions.has(`${topic}/${partition}`);
  }

  pause(topic: string, partition: number): void {
    const of = this.#partitions.get(`${topic}/${partition}`);
    if (of) of.paused = true;
  }

  resume(topic: string, partition: number): void {
    const of = this.#partitions.get(`${topic}/${partition}`);
    if (of) of.paused = false;
    this.#wake();
  }

  pauseAll(): void {
    this.#pausedAll = true;
  }

  seek(topic: string, partition: number, offset: bigint): void {
    const of = this.#partitions.get(`${topic}/${partition}`);
    if (!of) return;
    of.next = offset;
    of.request = undefined;
    this.#wake();
  }

  /** Fetches nothing more; what is on its way is dropped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#partitions = new Map();
    this.#wake();
    const pools = [...this.#lanes.values()].flat().map(({ pool }) => pool.close());
    await Promise.allSettled([...pools, this.#client.close()]);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#woken;
      this.#sleepUntilWoken();
      try {
        await this.#locate();
        const free = [...this.#partitions.values()].filter((one) => !one.paused && one.next !== undefined && !one.request);
        if (free.length === 0 || this.#pausedAll) continue;
        const metadata = await this.#metadata(this.#options.topics);
        for (const [broker, of] of byLeader(free, metadata)) {
          const lane = this.#freeLane(broker);
          if (lane) void this.#fetch(broker, lane, of, metadata);
        }
      } catch (error) {
        await this.#afterFailure(error, 'the partitions could not be looked up');
        this.#wake();
      }
    }
  }

  #sleepUntilWoken(): void {
    this.#woken = new Promise((resolve) => (this.#wake = resolve));
  }

  /** Finds out where partitions go on: at the committed offset, or at the oldest event. */
  async #locate(): Promise<void> {
    const lost = [...this.#partitions.values()].filter(({ next }) => next === undefined);
    if (lost.length === 0) return;
    const committed = await this.#options.committed(byTopic(lost));
    const fresh = lost.filter(({ name }) => !committed.has(name));
    const oldest = fresh.length > 0 ? await this.#oldest(fresh) : new Map<string, bigint>();
    // Whoever was told to go on elsewhere meanwhile knows better.
    for (const one of lost) one.next ??= committed.get(one.name) ?? oldest.get(one.name);
  }

  async #oldest(partitions: readonly Partition[]): Promise<Map<string, bigint>> {
    const wanted = byTopic(partitions);
    await this.#metadata([...wanted.keys()]); // Where a leader is missing, the client throws; only with what is there already, it throws here.
    const offsets = await within(
      REQUEST_TIMEOUT_MS,
      this.#client.listOffsets({
        topics: [...wanted.keys()],
        partitions: Object.fromEntries(wanted),
        timestamp: ListOffsetTimestamps.EARLIEST,
      }),
    );
    return new Map(partitions.map(({ topic, partition, name }) => [name, offsets.get(topic)![partition]!]));
  }

  /** The client sorts what it is given. */
  async #metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    return await within(REQUEST_TIMEOUT_MS, this.#client.metadata({ topics: [...topics] }));
  }

  #freeLane(broker: number): Lane | undefined {
    const lanes = this.#lanes.get(broker) ?? [];
    this.#lanes.set(broker, lanes);
    const free = lanes.find(({ busy }) => !busy);
    if (free || lanes.length === CONNECTIONS_PER_BROKER) return free;
    const lane = { pool: this.#newPool(), busy: false };
    lanes.push(lane);
    return lane;
  }

  async #fetch(broker: number, lane: Lane, partitions: readonly Partition[], metadata: ClusterMetadata): Promise<void> {
    const request = Symbol('request');
    lane.busy = true;
    for (const one of partitions) one.request = request;
    const current = () => partitions.filter((one) => this.#partitions.get(one.name) === one && one.request === request);
    try {
      const { responses } = await this.#client.fetch({
        node: broker,
        connectionPool: lane.pool,
        maxWaitTime: MAX_WAIT_MS,
        minBytes: 1,
        maxBytes: MAX_BYTES,
        topics: partitions.map(({ topic, partition, next }) => ({
          topicId: metadata.topics.get(topic)!.id,
          partitions: [
            { partition, fetchOffset: next!, partitionMaxBytes: MAX_BYTES_PER_PARTITION, currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
          ],
        })),
      });
      this.#failures = 0;
      for (const [of, fetched] of matching(current(), responses, metadata)) this.#take(of, fetched);
    } catch (error) {
      const { responses = [] } = (error as { response?: Partial<fetchV17.FetchResponse> }).response ?? {};
      await this.#mend(error, lane, matching(current(), responses, metadata));
    } finally {
      for (const one of partitions) if (one.request === request) one.request = undefined;
      lane.busy = false;
      this.#wake();
    }
  }

  /** One partition that Kafka refuses fails the request for all of them. The others go on meanwhile. */
  async #mend(error: unknown, lane: Lane, answered: readonly (readonly [Partition, Fetched])[]): Promise<void> {
    for (const [of, fetched] of answered)
      if (fetched.errorCode === 0) {
        // The client takes out what was aborted only where nothing fails.
        if (fetched.abortedTransactions.length === 0) this.#take(of, fetched);
        of.request = undefined;
      }
    this.#wake();
    const gone = answered.flatMap(([of, { errorCode }]) => (errorCode === OFFSET_OUT_OF_RANGE ? [of] : []));
    try {
      if (gone.length > 0) return await this.#goOnAtOldest(gone);
    } catch (another) {
      error = another;
    }
    // The answer to a request that took too long would be taken for the answer to the next one.
    if (!isAnswer(error) && !this.#stopping.signal.aborted) {
      void lane.pool.close().catch(() => undefined);
      lane.pool = this.#newPool();
    }
    await this.#afterFailure(error, 'nothing could be fetched');
  }

  async #goOnAtOldest(partitions: readonly Partition[]): Promise<void> {
    const before = new Map(partitions.map(({ name, next, request }) => [name, { next: next!, request }]));
    const oldest = await this.#oldest(partitions);
    for (const one of partitions) {
      const { next, request } = before.get(one.name)!;
      if (this.#partitions.get(one.name) !== one || one.request !== request) continue;
      one.next = oldest.get(one.name)!;
      this.#tellLoss(one, one.next - next);
    }
  }

  /** Silence would hide lost events. There are none where the position lay behind the end: the topic was made anew. */
  #tellLoss({ topic, partition, next }: Partition, lost: bigint): void {
    if (lost <= 0n) return;
    this.#options.onLost(topic, Number(lost));
    this.#options.logger.error(
      { topic, partition, first: Number(next), lost: Number(lost) },
      'Kafka has deleted events before they were consumed',
    );
  }

  #take(of: Partition, { records = [], highWatermark }: Fetched): void {
    if (of.paused || this.#pausedAll) return;
    const from = of.next!;
    const messages = records.flatMap((batch) => (batch.attributes & IS_CONTROL ? [] : messagesIn(batch, from)));
    const last = records.at(-1);
    const next = last ? last.firstOffset + BigInt(last.lastOffsetDelta) + 1n : from;
    if (next <= from) return;
    of.next = next;
    this.#partitions.delete(of.name);
    this.#partitions.set(of.name, of);
    if (messages.length === 0) return;
    this.#options.onBatch({ topic: of.topic, partition: of.partition, highWatermark: String(highWatermark), messages });
  }

  async #afterFailure(error: unknown, what: string): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted || this.#options.onRefused(error)) return;
    this.#client.clearMetadata();
    this.#options.logger.warn({ err: error, consumer: this.#options.group }, `kafka: ${what}; it is tried again`);
    this.#failures += 1;
    await sleep(pauseAfter(this.#failures), undefined, { signal }).catch(() => undefined);
  }

  #newPool(): ConnectionPool {
    return hearErrors(new ConnectionPool(this.#options.clientId, clientOptions(this.#options)));
  }
}

function byTopic(partitions: readonly Partition[]): Map<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return topics;
}

function byLeader(partitions: readonly Partition[], { topics }: ClusterMetadata): Map<number, Partition[]> {
  const leaders = new Map<number, Partition[]>();
  for (const one of partitions) {
    const leader = topics.get(one.topic)?.partitions[one.partition]?.leader;
    if (leader === undefined) throw new Error(`Kafka does not show partition ${one.partition} of ${one.topic}.`);
    leaders.set(leader, [...(leaders.get(leader) ?? []), one]);
  }
  return leaders;
}
