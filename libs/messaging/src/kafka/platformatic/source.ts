import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaSource, Position, SourceOptions } from '../source';
import { codesIn, pauseAfter, rootCause } from './client';
import { Fetcher } from './fetcher';
import { GroupMember } from './group-member';

const HEARTBEAT_INTERVAL_MS = 2_000;
const STOP_TIMEOUT_MS = 5_000;
/** How often Kafka is looked for before a start fails. */
const ATTEMPTS_TO_START = 5;
/** What a member hears when its assignment is over: it joins again at once. */
const ANEW = ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'];
/** What no waiting mends. */
const FINAL = [
  'PLT_KFK_AUTHENTICATION',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_SASL_MECHANISM',
  'PLT_KFK_UNSUPPORTED_API',
  'PLT_KFK_UNSUPPORTED_COMPRESSION',
];

/**
 * The consuming side of @platformatic/kafka. Its streams know no pause of a single partition and no seek, so that fetching and the group are
 * done here, with what is below them.
 */
export class PlatformaticSource implements KafkaSource {
  readonly #options: SourceOptions;
  readonly #member: GroupMember;
  readonly #fetcher: Fetcher;
  readonly #stopping = new AbortController();
  #assigned: () => void = () => undefined;
  #gaveUp: (error: Error) => void = () => undefined;
  #over = false;
  joined = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#fetcher = new Fetcher({
      ...options,
      committed: async (assignment) => await this.#member.committed(assignment),
      onRefused: (error) => this.#giveUpIfFinal(error),
    });
    this.#member = new GroupMember({ ...options, partitionsOf: async (topics) => await this.#fetcher.partitionsOf(topics) });
  }

  async start(): Promise<void> {
    const { group, topics, logger } = this.#options;
    const assigned = new Promise<void>((resolve, reject) => {
      this.#assigned = resolve;
      this.#gaveUp = reject;
    });
    assigned.catch(() => undefined); // Once started, onFatal is who listens.
    await this.#reach();
    this.#fetcher.start();
    void this.#takePart();
    await assigned;
    logger.info({ consumer: group, topics }, 'consuming');
  }

  pause(topic: string, partition: number): void {
    this.#fetcher.pause(topic, partition);
  }

  resume(topic: string, partition: number): void {
    this.#fetcher.resume(topic, partition);
  }

  pauseAll(): void {
    this.#fetcher.pauseAll();
  }

  owns(topic: string, partition: number): boolean {
    return this.#fetcher.has(topic, partition);
  }

  seek(topic: string, partition: number, offset: bigint): void {
    this.#fetcher.seek(topic, partition, offset);
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#member.commit(positions);
  }

  async stop(): Promise<void> {
    this.#over = true;
    this.#stopping.abort();
    this.#gaveUp(new Error(`The Kafka consumer ${this.#options.group} has been stopped.`));
    this.#left();
    const fetched = this.#fetcher.stop();
    const left = this.#member
      .leave()
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'the consumer could not leave its group in order'));
    await Promise.race([Promise.all([left, fetched]), sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    await Promise.race([this.#member.close(), sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /** Looks for Kafka and the topics. */
  async #reach(): Promise<void> {
    const { brokers, topics } = this.#options;
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#fetcher.partitionsOf(topics);
        return;
      } catch (error) {
        if (failures < ATTEMPTS_TO_START && !isFinal(error) && !this.#over) await this.#pause(pauseAfter(failures));
        else throw new Error(`Kafka does not answer as needed at ${brokers.join(', ')}: ${rootCause(error).message}`, { cause: error });
      }
    }
  }

  /** Joins, and joins again whenever an assignment is over, until it stops or gives up. */
  async #takePart(): Promise<void> {
    let failures = 0;
    while (!this.#over) {
      try {
        const assignment = await this.#member.join();
        if (this.#over) return;
        failures = 0;
        this.#fetcher.assign(assignment);
        this.#options.onAssigned();
        this.joined = true;
        this.#assigned();
        await this.#stay();
      } catch (error) {
        if (this.#over) return;
        if (this.joined) {
          this.#left();
          this.#options.onRevoked();
        }
        if (this.#giveUpIfFinal(error)) return;
        const codes = codesIn(error);
        if (ANEW.some((code) => codes.has(code))) continue;
        this.#options.logger.warn({ err: error, consumer: this.#options.group }, 'kafka: the group could not be joined; it is tried again');
        failures += 1;
        await this.#pause(pauseAfter(failures));
      }
    }
  }

  /**
   * Stays a member for as long as the group takes it for one.
   * @throws what ended that
   */
  async #stay(): Promise<void> {
    let heardMs = performance.now();
    let failures = 0;
    while (!this.#over) {
      await this.#pause(failures === 0 ? HEARTBEAT_INTERVAL_MS : pauseAfter(failures));
      if (this.#over) return;
      try {
        await this.#member.heartbeat();
        heardMs = performance.now();
        failures = 0;
      } catch (error) {
        const codes = codesIn(error);
        const over = performance.now() - heardMs > this.#options.sessionTimeoutMs;
        if (over || [...ANEW, ...FINAL].some((code) => codes.has(code))) throw error;
        failures += 1;
        this.#options.logger.warn(
          { err: error, consumer: this.#options.group },
          'kafka: the group has not heard from this member; it is tried again',
        );
      }
    }
  }

  #left(): void {
    this.joined = false;
    this.#fetcher.assign(new Map());
  }

  /** Whether no waiting mends an error. Then the source has given up. */
  #giveUpIfFinal(cause: unknown): boolean {
    if (!isFinal(cause)) return false;
    if (this.#over) return true;
    this.#over = true;
    this.#stopping.abort();
    this.#left();
    const { group, onFatal } = this.#options;
    const reason = codesIn(cause).has('GROUP_AUTHORIZATION_FAILED')
      ? 'its user may not take part in this group; grant the permissions that the contracts declare (npm run catalogue -- --acls)'
      : rootCause(cause).message;
    const error = new Error(`The Kafka consumer ${group} has given up: ${reason}`, { cause });
    this.#gaveUp(error);
    onFatal(error);
    return true;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

function isFinal(error: unknown): boolean {
  const codes = codesIn(error);
  return FINAL.some((code) => codes.has(code));
}
