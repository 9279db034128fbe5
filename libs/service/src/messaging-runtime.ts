import { kafkaAccess } from '@past-tense/config';
import type { Topic } from '@past-tense/contracts';
import type { Database } from '@past-tense/database';
import { maintainPartitions, ProcessedEvents } from '@past-tense/dedup';
import {
  canShadow,
  Consumer,
  declaredTopics,
  eventsOf,
  forgetLeftBefore,
  forgetReplayedBefore,
  ownTopics,
  RETRY_TIERS,
  KafkaProducer,
  Positions,
  requireTopics,
  SchemaRegistry,
  type AnyReaction,
  type KafkaOptions,
  type ReactionClass,
  type Stage,
} from '@past-tense/messaging';
import { Outbox, Relay, type OutboxOptions } from '@past-tense/outbox';
import type { PersonalData } from '@past-tense/privacy';
import type { Logger } from '@past-tense/telemetry';
import { requireDedupWindow, ttlOf } from './dedup-window';
import { stagesOf, withheldTypes } from './event-versions';
import { checkManifest, type Messages } from './messages';
import type { MessagingSettings } from './settings';

const DAY_MS = 86_400_000;

interface RuntimeOptions {
  readonly service: string;
  readonly version: string;
  readonly settings: MessagingSettings;
  readonly messages: Messages;
  readonly database: Database;
  /** Nothing for a service that handles no personal data. */
  readonly personal: PersonalData | undefined;
  readonly logger: Logger;
}

/** The messaging side of a service: its outbox and relay, its consumer, and the order in which they start and stop. */
export class MessagingRuntime {
  readonly outbox: Outbox;
  /** How far the consumer is; undefined for a service that consumes nothing. */
  readonly positions: Positions | undefined;
  readonly #relay: Relay;
  readonly #producer: KafkaProducer;
  #consumer: Consumer | undefined;
  #maintenance: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: RuntimeOptions,
    private readonly kafka: KafkaOptions,
    private readonly stages: ReadonlyMap<string, Stage>,
    { schemas, withheld }: Pick<OutboxOptions, 'schemas' | 'withheld'>,
  ) {
    const { service, version, settings, database, personal, logger } = options;
    this.#producer = new KafkaProducer(kafka);
    this.#relay = new Relay({
      database,
      publish: this.#producer.publish,
      logger,
      leaseMs: settings.OUTBOX_LEASE_MS,
      publishFacts: settings.OUTBOX_RELAY,
    });
    const topics = this.#consumedTopics;
    if (topics.length > 0) this.positions = new Positions({ consumer: service, kafka, database, topics });
    this.outbox = new Outbox({
      producer: { name: service, version },
      schemas,
      withheld,
      personal,
      committed: (what) => this.#relay.wake(what),
    });
  }

  /**
   * Checks everything that must be there before a service may start: the manifest, the versions, the topics, the schemas, the dedup TTL.
   * @throws Error saying in one sentence what is missing and the remedy
   */
  static async prepare(options: RuntimeOptions): Promise<MessagingRuntime> {
    const { service, settings, messages, logger } = options;
    const kafka = { ...kafkaAccess(settings), clientId: service, logger };
    const { published, consumed } = checkManifest(service, messages);
    const withheld = withheldTypes(service, published, settings.PUBLISHED_VERSIONS);
    const stages = stagesOf(service, consumed, settings.CONSUMED_VERSIONS, (topic) =>
      canShadow(reactionTo(messages, topic).prototype as AnyReaction<never>),
    );
    const keptAtMostMs = requireDedupWindow(service, settings, messages.reactions, consumed);
    const used = new Set([...published, ...consumed].map((topic) => topic.name).concat(consumed.length > 0 ? ownTopics(service) : []));
    await requireTopics(
      kafka,
      declaredTopics().filter(({ name }) => used.has(name)),
      keptAtMostMs,
    );
    const schemas = await new SchemaRegistry(settings.SCHEMA_REGISTRY_URL).find([...published, ...consumed]);
    return new MessagingRuntime(options, kafka, stages, { schemas, withheld });
  }

  /**
   * Starts to publish and to consume.
   * @param reactionOf makes the instance of a reaction class
   */
  async start(reactionOf: (reaction: ReactionClass<never>) => AnyReaction<never>, onFatal: (error: Error) => void): Promise<void> {
    const { service, settings, messages, database, personal, logger } = this.options;
    this.#relay.start();
    if (messages.reactions.length === 0) return;
    const knownSinceMs = await this.#maintainDedup();
    this.#maintenance = setInterval(
      () =>
        void this.#maintainDedup().catch((error: unknown) => logger.error({ err: error }, 'the dedup partitions could not be maintained')),
      DAY_MS / 4,
    );
    this.#consumer = new Consumer({
      consumer: service,
      kafka: this.kafka,
      topics: this.#consumedTopics,
      reactions: new Map(
        messages.reactions.flatMap((reaction) => eventsOf(reaction).map((event) => [event, reactionOf(reaction)] as const)),
      ),
      processed: new ProcessedEvents(service, ttlOf(service, settings), knownSinceMs),
      outbox: this.outbox,
      stages: this.stages,
      projection: messages.projection ?? false,
      personal,
      concurrency: settings.CONSUMER_CONCURRENCY,
      groupCommit: settings.CONSUMER_GROUP_COMMIT,
      retry: { attempts: settings.RETRY_ATTEMPTS, firstDelayMs: settings.RETRY_FIRST_DELAY_MS, maxDelayMs: settings.RETRY_MAX_DELAY_MS },
      tiers: RETRY_TIERS.map(({ place }, i) => ({ place, delayMs: settings.RETRY_TIER_DELAYS_MS[i]! })),
      afterDeath: settings.AFTER_DEAD_LETTER,
      earlyLimitMs: settings.EARLY_LIMIT_MS,
      maxHeld: settings.HELD_EVENTS_MAX,
      traceFlow: settings.TRACE_FLOW,
      sessionTimeoutMs: settings.CONSUMER_SESSION_TIMEOUT_MS,
      database,
      logger,
      onFatal,
    });
    await this.#consumer.start();
  }

  get #consumedTopics(): string[] {
    const { service, messages } = this.options;
    return checkManifest(service, messages).consumed.map((topic) => topic.name);
  }

  /** Whether the consumer is a member of its group; true for a service that consumes nothing. */
  get consuming(): boolean {
    return this.options.messages.reactions.length === 0 || this.#consumer?.joined === true;
  }

  /** Lets what runs finish; what is left in the outbox goes out with the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#maintenance);
    await this.#consumer?.stop();
    await this.#relay.stop();
    await this.#producer.disconnect();
  }

  /** Returns from when on it is known what was processed, milliseconds since 1970. */
  async #maintainDedup(): Promise<number> {
    const { service, database, settings } = this.options;
    const ttlMs = ttlOf(service, settings);
    const { knownSinceMs } = await maintainPartitions(database, ttlMs);
    await forgetLeftBefore(database, new Date(Date.now() - ttlMs));
    await forgetReplayedBefore(database, new Date(Date.now() - 7 * DAY_MS));
    return knownSinceMs;
  }
}

/** The class of the reaction to the events on a topic. */
function reactionTo(messages: Messages, topic: Topic): ReactionClass<never> {
  return messages.reactions.find((reaction) => eventsOf(reaction).includes(topic.event))!;
}
