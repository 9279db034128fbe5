import type { Database } from '@past-tense/database';
import { maintainPartitions, ProcessedEvents, requireTtlBeyondRetention } from '@past-tense/dedup';
import {
  Consumer,
  eventsOf,
  ownTopics,
  RETRY_TIERS,
  KafkaProducer,
  requireTopics,
  SchemaRegistry,
  type AnyReaction,
  type KafkaOptions,
  type ReactionClass,
} from '@past-tense/messaging';
import { Outbox, Relay } from '@past-tense/outbox';
import type { Logger } from '@past-tense/telemetry';
import { checkManifest, type Messages } from './messages';
import type { MessagingSettings } from './settings';

const DAY_MS = 86_400_000;

interface RuntimeOptions {
  readonly service: string;
  readonly version: string;
  readonly settings: MessagingSettings;
  readonly messages: Messages;
  readonly database: Database;
  readonly logger: Logger;
}

/** The messaging side of a service: its outbox and relay, its consumer, and the order in which they start and stop. */
export class MessagingRuntime {
  readonly outbox: Outbox;
  readonly #relay: Relay;
  readonly #producer: KafkaProducer;
  #consumer: Consumer | undefined;
  #maintenance: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: RuntimeOptions,
    private readonly kafka: KafkaOptions,
    schemas: ConstructorParameters<typeof Outbox>[0]['schemas'],
  ) {
    const { service, version, settings, database, logger } = options;
    this.#producer = new KafkaProducer(kafka);
    this.#relay = new Relay({
      database,
      publish: this.#producer.publish,
      logger,
      leaseMs: settings.OUTBOX_LEASE_MS,
      publishFacts: settings.OUTBOX_RELAY,
    });
    this.outbox = new Outbox({ producer: { name: service, version }, schemas, committed: () => this.#relay.wake() });
  }

  /**
   * Checks everything that must be there before a service may start: the manifest, the topics, the schemas, the dedup TTL.
   * @throws Error saying in one sentence what is missing and the remedy
   */
  static async prepare(options: RuntimeOptions): Promise<MessagingRuntime> {
    const { service, settings, messages, logger } = options;
    const kafka = { brokers: settings.KAFKA_BROKERS, clientId: service, logger };
    const { published, consumed } = checkManifest(service, messages);
    requireTtlBeyondRetention(service, settings.DEDUP_TTL_DAYS * DAY_MS, consumed);
    const topics = [...published, ...consumed].map((topic) => topic.name);
    await requireTopics(kafka, consumed.length > 0 ? [...topics, ...ownTopics(service)] : topics);
    const schemas = await new SchemaRegistry(settings.SCHEMA_REGISTRY_URL).find(published);
    return new MessagingRuntime(options, kafka, schemas);
  }

  /**
   * Starts to publish and to consume.
   * @param reactionOf makes the instance of a reaction class
   */
  async start(reactionOf: (reaction: ReactionClass<never>) => AnyReaction<never>, onFatal: (error: Error) => void): Promise<void> {
    const { service, settings, messages, database, logger } = this.options;
    this.#relay.start();
    if (messages.reactions.length === 0) return;
    await this.#maintainDedup();
    this.#maintenance = setInterval(
      () =>
        void this.#maintainDedup().catch((error: unknown) => logger.error({ err: error }, 'the dedup partitions could not be maintained')),
      DAY_MS / 4,
    );
    this.#consumer = new Consumer({
      consumer: service,
      kafka: this.kafka,
      topics: checkManifest(service, messages).consumed.map((topic) => topic.name),
      reactions: new Map(
        messages.reactions.flatMap((reaction) => eventsOf(reaction).map((event) => [event, reactionOf(reaction)] as const)),
      ),
      processed: new ProcessedEvents(service, settings.DEDUP_TTL_DAYS * DAY_MS),
      outbox: this.outbox,
      concurrency: settings.CONSUMER_CONCURRENCY,
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

  async #maintainDedup(): Promise<void> {
    await maintainPartitions(this.options.database, this.options.settings.DEDUP_TTL_DAYS * DAY_MS);
  }
}
