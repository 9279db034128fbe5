import { metrics, type Attributes, type BatchObservableResult, type Counter, type Histogram, type Observable } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';
import { topicOfType } from '@past-tense/contracts';
import { RETRY_TIERS } from '../queues';
import { BEHIND, DEAD, EARLY, type Place } from '../retry/ordered-retry';
import { DEATH_REASONS, type Reason } from './added-headers';
import type { ReplayResult } from '../replay/results';
import type { Outages } from './outages';
import { LeftVersions } from '../versions/left-versions';

// Seconds, as OpenTelemetry's conventions have it.
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

const UNKNOWN = 'unknown';
/** A version comes from a header, which anybody can write; a schema with more versions has other problems. */
const MAX_VERSION = 50;
/** Where events wait. */
const PLACES = [...RETRY_TIERS.map(({ place }) => place), BEHIND, EARLY, DEAD];

/** How far a member is behind on its partitions of a topic. */
export interface Lag {
  readonly events: number;
  /** Since the oldest of them was published. */
  readonly seconds: number;
  /** Until none is left; undefined while they do not become less. */
  readonly catchUpSeconds?: number | undefined;
}

const NOT_BEHIND: Lag = { events: 0, seconds: 0, catchUpSeconds: 0 };

/** What is looked at when somebody asks for the figures. */
export interface Watched {
  readonly database: Database;
  readonly outages: Outages;
  readonly lag: () => ReadonlyMap<string, Lag>;
}

const heldByPlace = {
  name: 'figures-held',
  text: 'SELECT place, count(*)::int AS events FROM held_events WHERE consumer = $1 GROUP BY place',
};

/**
 * What a consumer measures. Names follow OpenTelemetry's messaging conventions where there is one
 * (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/); our own begin with `past_tense.`. Attributes are
 * names of consumers, topics, event types, tiers and reasons only, so there is a bounded number of each.
 */
export class Figures {
  readonly #consumed: Counter;
  readonly #processing: Histogram;
  readonly #delay: Histogram;
  readonly #claim: Histogram;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #lost: Counter;
  readonly #schemas: Counter;
  readonly #shadows: Counter;
  readonly #replayed: Counter;
  #stopWatching: () => void = () => undefined;

  /** @param known types of events the consumer knows; others are counted together, because anybody can invent a name */
  constructor(
    private readonly consumer: string,
    private readonly known: ReadonlySet<string>,
  ) {
    const meter = metrics.getMeter('past-tense');
    const seconds = (name: string, description: string) =>
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: SECONDS } });
    this.#consumed = meter.createCounter('messaging.client.consumed.messages', {
      unit: '{message}',
      description: 'Messages handed to the consumer',
    });
    this.#processing = seconds('messaging.process.duration', 'Time one attempt at a message takes');
    this.#delay = seconds('past_tense.effects.delay', 'Time from publishing an event to the commit of its effects');
    this.#claim = seconds('past_tense.dedup.claim.duration', 'Time to take the turn of an event and claim it');
    this.#retries = meter.createCounter('past_tense.retries', {
      unit: '{event}',
      description: 'Events moved to a retry tier, sent back, or tried again in place',
    });
    this.#deadLetters = meter.createCounter('past_tense.dead_letters', { unit: '{event}', description: 'Events dead-lettered' });
    this.#lost = meter.createCounter('past_tense.events.lost', {
      unit: '{event}',
      description: 'Events that Kafka deleted before they were consumed',
    });
    this.#schemas = meter.createCounter('past_tense.schemas.accepted', {
      unit: '{event}',
      description: 'Events handled, by the version of their schema',
    });
    this.#shadows = meter.createCounter('past_tense.shadow.comparisons', {
      unit: '{event}',
      description: 'Events done in shadow, by how they compare with the version that took effect',
    });
    this.#replayed = meter.createCounter('past_tense.replayed', {
      unit: '{event}',
      description: 'Events that were fed to the consumer again, by what came of them',
    });
    this.#begin();
  }

  /** A counter that appears with its first event has not increased as far as Prometheus knows, and nobody would be told. */
  #begin(): void {
    for (const type of this.known) {
      const topic = topicOfType(type)?.name;
      if (!topic) continue;
      this.#lost.add(0, this.#of(topic));
      for (const name of [type, UNKNOWN])
        for (const reason of DEATH_REASONS) this.#deadLetters.add(0, { ...this.#event(name), 'messaging.destination.name': topic, reason });
      for (const { place } of RETRY_TIERS) this.#retries.add(0, { ...this.#event(type), place });
    }
  }

  /** Also tells what waits, what is away and how far the consumer is behind, whenever the figures are read. */
  watch(watched: Watched): void {
    const meter = metrics.getMeter('past-tense');
    const gauge = (name: string, unit: string, description: string) => meter.createObservableGauge(name, { unit, description });
    const gauges = {
      held: gauge('past_tense.held_events', '{event}', 'Events that wait, and dead letters, by place'),
      left: gauge('past_tense.left_versions.oldest_age', 's', 'Time since a version of an event was left to another one that has not come'),
      outage: gauge('past_tense.outages', '{outage}', '1 while events of a type wait for something that is away'),
      lag: gauge('past_tense.consumer.lag', '{event}', 'Events on the assigned partitions that are not done'),
      lagTime: gauge('past_tense.consumer.lag.time', 's', 'Time since the oldest event that is not done was published'),
      catchUp: gauge(
        'past_tense.consumer.catch_up.time',
        's',
        'Time until no event is left that is not done; NaN while they do not become less',
      ),
    };
    const left = new LeftVersions(this.consumer);
    const observables: Observable[] = Object.values(gauges);
    // What is not observed would go on being reported as it was last: a topic of which nothing is assigned any more, or nothing has come since it
    // was assigned anew, would be behind for ever.
    const told = new Set<string>();
    const observe = async (result: BatchObservableResult) => {
      const lags = watched.lag();
      for (const topic of lags.keys()) told.add(topic);
      for (const topic of told) {
        const { events, seconds, catchUpSeconds } = lags.get(topic) ?? NOT_BEHIND;
        result.observe(gauges.lag, events, this.#of(topic));
        result.observe(gauges.lagTime, seconds, this.#of(topic));
        result.observe(gauges.catchUp, catchUpSeconds ?? Number.NaN, this.#of(topic));
      }
      const away = new Set(watched.outages.away);
      for (const eventType of this.known) result.observe(gauges.outage, away.has(eventType) ? 1 : 0, this.#event(eventType));
      const seconds = await left.oldestSeconds(watched.database).catch(() => undefined);
      if (seconds !== undefined) result.observe(gauges.left, seconds, { consumer: this.consumer });
      const rows = await watched.database.query<{ place: string; events: number }>(heldByPlace, [this.consumer]).catch(() => []);
      const held = new Map(rows.map(({ place, events }) => [place, events]));
      for (const place of new Set([...PLACES, ...held.keys()]))
        result.observe(gauges.held, held.get(place) ?? 0, { consumer: this.consumer, place });
    };
    meter.addBatchObservableCallback(observe, observables);
    this.#stopWatching = () => meter.removeBatchObservableCallback(observe, observables);
  }

  stopWatching(): void {
    this.#stopWatching();
  }

  consumed(topic: string, messages: number): void {
    this.#consumed.add(messages, this.#of(topic));
  }

  attempted(topic: string, seconds: number, errorType?: string): void {
    this.#processing.record(seconds, {
      ...this.#of(topic),
      'messaging.operation.name': 'process',
      ...(errorType && { 'error.type': errorType }),
    });
  }

  applied(eventType: string, schemaVersion: number, publishedAt: string): void {
    this.#delay.record(Math.max(0, Date.now() - Date.parse(publishedAt)) / 1000, this.#event(eventType));
    this.#schemas.add(1, { ...this.#event(eventType), schema_version: schemaVersion <= MAX_VERSION ? schemaVersion : UNKNOWN });
  }

  claimed(seconds: number): void {
    this.#claim.record(seconds, { consumer: this.consumer });
  }

  retried(eventType: string, place: Place): void {
    this.#retries.add(1, { ...this.#event(eventType), place });
  }

  /** @param topic where the message was published first */
  deadLettered(eventType: string | undefined, topic: string, reason: Reason): void {
    const type = eventType !== undefined && this.known.has(eventType) ? eventType : UNKNOWN;
    this.#deadLetters.add(1, { ...this.#event(type), 'messaging.destination.name': topic, reason });
  }

  shadowed(eventType: string, result: 'same' | 'different' | 'failed'): void {
    this.#shadows.add(1, { ...this.#event(eventType), result });
  }

  replayed(result: ReplayResult): void {
    this.#replayed.add(1, { consumer: this.consumer, result });
  }

  lost(topic: string, events: number): void {
    this.#lost.add(events, this.#of(topic));
  }

  #of(topic: string): Attributes {
    return { 'messaging.system': 'kafka', 'messaging.destination.name': topic, 'messaging.consumer.group.name': this.consumer };
  }

  #event(eventType: string): Attributes {
    return { consumer: this.consumer, event_type: eventType };
  }
}
