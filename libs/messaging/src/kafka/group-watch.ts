import { metrics, type BatchObservableResult } from '@opentelemetry/api';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { KafkaOptions } from './client';
import { kafkaClient } from './kafkajs/client';
import { lagOf } from './consumer-lag';
import { LagHistory } from './lag-history';

export interface WatchedGroup {
  readonly group: string;
  readonly topics: readonly string[];
}

export interface GroupWatchOptions {
  readonly kafka: KafkaOptions;
  readonly groups: readonly WatchedGroup[];
  /** Milliseconds between two looks. */
  readonly everyMs: number;
}

interface TopicLag {
  readonly topic: string;
  readonly group: string;
  readonly events: number;
  readonly seconds: number;
}

/**
 * Watches consumer groups from outside, as Kafka knows them, so that one that is dead or stuck is seen although it says nothing itself.
 * What Kafka does not answer is not told: an old figure would pass for a new one.
 */
export class GroupWatch {
  readonly #admin: Admin;
  readonly #stopping = new AbortController();
  readonly #histories = new Map<string, LagHistory>();
  #lags = new Map<string, TopicLag>();
  #members = new Map<string, number>();
  #running: Promise<void> | undefined;

  constructor(private readonly options: GroupWatchOptions) {
    this.#admin = kafkaClient(options.kafka).admin();
  }

  /** Whether the last look succeeded. */
  get sees(): boolean {
    return this.#members.size > 0;
  }

  start(): void {
    const meter = metrics.getMeter('past-tense');
    const gauge = (name: string, unit: string, description: string) => meter.createObservableGauge(name, { unit, description });
    const lag = gauge('past_tense.group.lag', '{event}', 'Events on a topic that a consumer group has not committed as done');
    const lagTime = gauge('past_tense.group.lag.time', 's', 'Time for which the oldest of them has been there');
    const members = gauge('past_tense.group.members', '{member}', 'Members of a consumer group');
    meter.addBatchObservableCallback(
      (result: BatchObservableResult) => {
        for (const { topic, group, events, seconds } of this.#lags.values()) {
          const attributes = { 'messaging.destination.name': topic, 'messaging.consumer.group.name': group };
          result.observe(lag, events, attributes);
          result.observe(lagTime, seconds, attributes);
        }
        for (const [group, count] of this.#members) result.observe(members, count, { 'messaging.consumer.group.name': group });
      },
      [lag, lagTime, members],
    );
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#admin.disconnect().catch(() => undefined);
  }

  async #watch(): Promise<void> {
    const { everyMs, kafka } = this.options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#lags = new Map();
        this.#members = new Map();
        kafka.logger.warn({ err: error }, 'the consumer groups could not be looked at; it is tried again');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { groups } = this.options;
    await this.#admin.connect();
    const described = await this.#admin.describeGroups(groups.map(({ group }) => group));
    const lags = new Map<string, TopicLag>();
    for (const { group, topics } of groups) {
      for (const { topic, partition, position, end } of await lagOf(this.#admin, group, topics)) {
        const history = this.#historyOf(`${group}/${topic}/${partition}`);
        const { events, ms } = history.note(Date.now(), position, end);
        const before = lags.get(`${group}/${topic}`) ?? { topic, group, events: 0, seconds: 0 };
        lags.set(`${group}/${topic}`, { ...before, events: before.events + events, seconds: Math.max(before.seconds, ms / 1000) });
      }
    }
    this.#lags = lags;
    this.#members = new Map(described.groups.map(({ groupId, members }) => [groupId, members.length]));
  }

  #historyOf(name: string): LagHistory {
    const history = this.#histories.get(name) ?? new LagHistory();
    this.#histories.set(name, history);
    return history;
  }
}
