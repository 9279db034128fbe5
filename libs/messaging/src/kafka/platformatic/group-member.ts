import {
  ConnectionPool,
  findCoordinatorV4,
  FindCoordinatorKeyTypes,
  heartbeatV4,
  joinGroupV6,
  leaveGroupV4,
  offsetCommitV8,
  offsetFetchV8,
  parseBroker,
  syncGroupV4,
  type API,
  type Broker,
} from '@platformatic/kafka';
import type { Position, SourceOptions } from '../source';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, PROTOCOL, share, type Assignment } from './assignment';
import { clientOptions, codesIn, hearErrors, isAnswer, REQUEST_TIMEOUT_MS, within } from './client';

const PROTOCOL_TYPE = 'consumer';
const REBALANCE_TIMEOUT_MS = 15_000;
/** Who joins is answered when everybody else has, or their time is over. */
const JOIN_TIMEOUT_MS = REBALANCE_TIMEOUT_MS + 5_000;
/** What a broker answers that does not coordinate this group, or not yet. */
const ELSEWHERE = ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'];
const NOT_JOINED = 'This process is no member of the group now: it shares out its partitions anew.';

export interface GroupMemberOptions extends SourceOptions {
  /** Numbers of partitions of topics. */
  readonly partitionsOf: (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>;
}

/**
 * One member of a consumer group, at the level of Kafka's protocol (https://kafka.apache.org/protocol). The client's own consumer would do the
 * same, but in version 1 it keeps to the broker that it found first as the coordinator for ever, also when that one is gone
 * (https://github.com/platformatic/kafka/issues/290), and it sends a commit with whatever membership it has by then.
 */
export class GroupMember {
  readonly #options: GroupMemberOptions;
  #pool: ConnectionPool;
  #coordinator: Promise<Broker> | undefined;
  #memberId = '';
  /** The membership that requests are made for; undefined while the group shares out. */
  #generation: number | undefined;
  #joining = false;
  readonly #commits = new Set<Promise<unknown>>();

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.#pool = this.#newPool();
  }

  /**
   * Joins, or joins again.
   * @returns what this member is to consume
   * @throws what Kafka or the network says
   */
  async join(): Promise<Assignment> {
    await Promise.allSettled(this.#commits); // Kafka refuses them once this member has joined again.
    this.#joining = true;
    try {
      this.#generation = undefined;
      const { group } = this.#options;
      const { generationId, leader, members } = await this.#enter();
      const shares = leader === this.#memberId ? await this.#share(members) : [];
      const { assignment } = await this.#ask(
        syncGroupV4.api,
        JOIN_TIMEOUT_MS,
        group,
        generationId,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        PROTOCOL,
        shares,
      );
      this.#generation = generationId;
      return decodeAssignment(assignment);
    } catch (error) {
      if (codesIn(error).has('UNKNOWN_MEMBER_ID')) this.#memberId = '';
      throw error;
    } finally {
      this.#joining = false;
    }
  }

  /** @throws what Kafka says, among it that the partitions are to be shared out anew; what the network says */
  async heartbeat(): Promise<void> {
    const { group, sessionTimeoutMs } = this.#options;
    if (this.#generation === undefined) throw new Error(NOT_JOINED);
    try {
      await this.#ask(heartbeatV4.api, sessionTimeoutMs, group, this.#generation, this.#memberId);
    } catch (error) {
      if (codesIn(error).has('UNKNOWN_MEMBER_ID')) this.#memberId = '';
      throw error;
    }
  }

  /** Where the group has got to; partitions without a committed offset are left out. */
  async committed(assignment: Assignment): Promise<ReadonlyMap<string, bigint>> {
    const { group: groupId } = this.#options;
    const topics = [...assignment].map(([name, partitions]) => ({ name, partitionIndexes: [...partitions] }));
    const { groups } = await this.#ask(offsetFetchV8.api, REQUEST_TIMEOUT_MS, [{ groupId, memberEpoch: -1, topics }], false);
    const found = groups.flatMap((group) => group.topics).flatMap(({ name, partitions }) => partitions.map((one) => ({ name, ...one })));
    return new Map(
      found
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ name, partitionIndex, committedOffset }) => [`${name}/${partitionIndex}`, committedOffset]),
    );
  }

  /** Commits for the membership at the time of the call, and no other. */
  async commit(positions: readonly Position[]): Promise<void> {
    if (this.#generation === undefined) throw new Error(NOT_JOINED);
    const topics = new Map<string, { partitionIndex: number; committedOffset: bigint; committedLeaderEpoch: number }[]>();
    for (const { topic, partition, offset } of positions) {
      const partitions = topics.get(topic) ?? [];
      partitions.push({ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: -1 });
      topics.set(topic, partitions);
    }
    const named = [...topics].map(([name, partitions]) => ({ name, partitions }));
    const { group } = this.#options;
    const commit = this.#ask(offsetCommitV8.api, REQUEST_TIMEOUT_MS, group, this.#generation, this.#memberId, null, named);
    this.#commits.add(commit);
    try {
      await commit;
    } finally {
      this.#commits.delete(commit);
    }
  }

  /** Tells the group that this member is gone, so that it need not wait for its heartbeats. */
  async leave(): Promise<void> {
    // A broker works off a connection in order: behind a request to join, this one would wait for everybody else to join.
    if (this.#joining) this.#connectAnew();
    if (this.#memberId !== '') await this.#ask(leaveGroupV4.api, REQUEST_TIMEOUT_MS, this.#options.group, [{ memberId: this.#memberId }]);
  }

  /** Closes every connection. What was asked and is not answered fails. */
  async close(): Promise<void> {
    await this.#pool.close().catch(() => undefined);
  }

  /** Kafka gives a member its id first, and takes it in when it comes with that. */
  async #enter(): Promise<{ generationId: number; leader: string; members: readonly { memberId: string; metadata: Buffer | null }[] }> {
    const { group, sessionTimeoutMs, topics } = this.#options;
    const protocols = [{ name: PROTOCOL, metadata: encodeSubscription(topics) }];
    const enter = () =>
      this.#ask(
        joinGroupV6.api,
        JOIN_TIMEOUT_MS,
        group,
        sessionTimeoutMs,
        REBALANCE_TIMEOUT_MS,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        protocols,
      );
    try {
      return await enter();
    } catch (error) {
      const { memberId } = (error as { response?: { memberId?: string } }).response ?? {};
      if (!codesIn(error).has('MEMBER_ID_REQUIRED') || !memberId) throw error;
      this.#memberId = memberId;
      return await enter();
    }
  }

  async #share(members: readonly { memberId: string; metadata: Buffer | null }[]): Promise<{ memberId: string; assignment: Buffer }[]> {
    const wanting = members.map(({ memberId: id, metadata }) => ({ id, topics: new Set(metadata ? decodeSubscription(metadata) : []) }));
    const topics = new Set([...this.#options.topics, ...wanting.flatMap((member) => [...member.topics])]);
    const shares = share(wanting, await this.#options.partitionsOf([...topics]));
    return [...shares].map(([memberId, assignment]) => ({ memberId, assignment: encodeAssignment(assignment) }));
  }

  async #ask<Request extends unknown[], Answer>(api: API<Request, Answer>, timeoutMs: number, ...request: Request): Promise<Answer> {
    const pool = this.#pool;
    try {
      const connection = await pool.get(await this.#findCoordinator());
      return await within(timeoutMs, api.async(connection, ...request));
    } catch (error) {
      const codes = codesIn(error);
      const lost = !isAnswer(error) || ELSEWHERE.some((code) => codes.has(code));
      if (lost && pool === this.#pool) this.#connectAnew();
      throw error;
    }
  }

  async #findCoordinator(): Promise<Broker> {
    this.#coordinator ??= this.#askForCoordinator(this.#pool);
    return await this.#coordinator;
  }

  async #askForCoordinator(pool: ConnectionPool): Promise<Broker> {
    const { brokers, group } = this.#options;
    const connection = await pool.getFirstAvailable(brokers.map((broker) => parseBroker(broker)));
    const { coordinators } = await within(
      REQUEST_TIMEOUT_MS,
      findCoordinatorV4.api.async(connection, FindCoordinatorKeyTypes.GROUP, [group]),
    );
    const { host, port } = coordinators[0]!;
    return { host, port };
  }

  /** Whoever coordinates is looked for anew, and answers to what was asked before cannot be taken for other ones. */
  #connectAnew(): void {
    void this.close();
    this.#pool = this.#newPool();
    this.#coordinator = undefined;
  }

  #newPool(): ConnectionPool {
    const { clientId } = this.#options;
    return hearErrors(new ConnectionPool(clientId, { ...clientOptions(this.#options), requestTimeout: JOIN_TIMEOUT_MS }));
  }
}
