import { context, SpanKind, type Attributes, type Link } from '@opentelemetry/api';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Database } from '@past-tense/database';
import type { ProcessedEvents } from '@past-tense/dedup';
import { fromHeaders, type Envelope } from '@past-tense/envelope';
import type { Outbox } from '@past-tense/outbox';
import { contextOf, inFlow, inSpan, type Logger } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { staysInside, type AnyReaction, type Event } from '../reaction';
import { deadLetterOf, type DeadLetterReason } from './dead-letter';
import { classify } from './failure';
import type { Message } from './message';
import { readEvent } from './read-event';

/** How often and how patiently a failing event is tried in place. */
export interface RetryPolicy {
  /** Attempts in all before the event is moved away. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled for each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export interface DeliveryOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly processed: ProcessedEvents;
  readonly outbox: Outbox;
  readonly reactions: ReadonlyMap<DescMessage, AnyReaction<never>>;
  readonly retry: RetryPolicy;
  readonly logger: Logger;
  /** Aborted when the consumer stops: nothing new is tried then. */
  readonly stopping: AbortSignal;
}

type Result = 'applied' | 'duplicate';

const UNAVAILABLE_FIRST_DELAY_MS = 200;
const UNAVAILABLE_MAX_DELAY_MS = 5_000;

/** Takes a message from its arrival to the point where its offset may be passed. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #known: ReadonlyMap<string, DescMessage>;
  readonly #reactions: ReadonlyMap<string, AnyReaction<never>>;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#known = new Map([...options.reactions.keys()].map((event) => [event.typeName, event]));
    this.#reactions = new Map([...options.reactions].map(([event, reaction]) => [event.typeName, reaction]));
  }

  /**
   * Handles a message until it is settled: its effects are committed, it was a duplicate, or it is on its way to the
   * dead-letter topic. Never throws.
   * @returns false if the consumer stopped first; the message will be delivered again
   */
  async settle(message: Message): Promise<boolean> {
    let envelope: Envelope;
    try {
      envelope = fromHeaders(message.headers);
    } catch (error) {
      return await this.#deadLetter(message, { reason: 'INVALID', error, attempts: 0, firstFailedAt: new Date() });
    }
    return await inFlow({ correlationId: envelope.correlationId, causationId: envelope.eventId, eventId: envelope.eventId }, () =>
      this.#try(message, envelope),
    );
  }

  async #try(message: Message, envelope: Envelope): Promise<boolean> {
    const { retry, logger } = this.#options;
    let previous: Link[] = message.batch ? [{ context: message.batch }] : [];
    let attempts = 0;
    let outages = 0;
    let firstFailedAt: Date | undefined;
    while (!this.#options.stopping.aborted) {
      try {
        await this.#attempt(message, envelope, attempts + 1, previous, (link) => (previous = [link]));
        return true;
      } catch (error) {
        const kind = classify(error);
        firstFailedAt ??= new Date();
        if (kind === 'unavailable') {
          const waitMs = backOff(outages++, UNAVAILABLE_FIRST_DELAY_MS, UNAVAILABLE_MAX_DELAY_MS);
          logger.warn({ ...origin(message), err: error, waitMs }, `${message.topic} waits: something it needs is away`);
          await this.#wait(waitMs);
          continue;
        }
        attempts += 1;
        if (kind === 'invalid') return await this.#deadLetter(message, { reason: 'INVALID', error, attempts, firstFailedAt }, envelope);
        if (attempts >= retry.attempts)
          return await this.#deadLetter(message, { reason: 'FAILED', error, attempts, firstFailedAt }, envelope);
        const waitMs = backOff(attempts - 1, retry.firstDelayMs, retry.maxDelayMs);
        logger.warn({ ...origin(message), err: error, attempts, waitMs }, `${message.topic} failed; it is tried again`);
        await this.#wait(waitMs);
      }
    }
    return false;
  }

  /** One attempt, in a span whose parent is the moment the fact was recorded and which links to the attempt before. */
  async #attempt(message: Message, envelope: Envelope, attempt: number, links: Link[], started: (link: Link) => void): Promise<void> {
    const startedAt = performance.now();
    const options = { kind: SpanKind.CONSUMER, links, attributes: this.#attributes(message, envelope, attempt) };
    await inSpan(`process ${message.topic}`, options, contextOf(envelope), async (span) => {
      started({ context: span.spanContext(), attributes: { 'past_tense.attempt': attempt } });
      const result = await this.#react(readEvent(message, envelope, this.#known));
      span.setAttribute('past_tense.result', result);
      const { eventType, aggregateId, aggregateVersion } = envelope;
      const ms = Math.round(performance.now() - startedAt);
      this.#options.logger.info({ ...origin(message), eventType, aggregateId, aggregateVersion, result, ms }, `handled ${message.topic}`);
    });
  }

  async #react(event: Event<never>): Promise<Result> {
    const { database, processed } = this.#options;
    const reaction = this.#reactions.get(event.eventType)!;
    if (staysInside(reaction)) {
      return await database.transaction(async (transaction) => {
        if (!(await processed.claim(transaction, event.eventId))) return 'duplicate';
        await reaction.react(event, transaction);
        return 'applied';
      });
    }
    const intent = await database.transaction(async (transaction) =>
      (await processed.has(transaction, event.eventId)) ? 'duplicate' : { ask: (await reaction.intend(event, transaction)) as unknown },
    );
    if (intent === 'duplicate') return 'duplicate';
    const outcome = intent.ask === undefined ? undefined : { answer: (await reaction.call(intent.ask)) as unknown };
    return await database.transaction(async (transaction) => {
      if (!(await processed.claim(transaction, event.eventId))) return 'duplicate';
      if (outcome) await reaction.record(event, outcome.answer, transaction);
      return 'applied';
    });
  }

  /** Moves a message to the dead-letter topic, bytes and headers as they came. Waits as long as the database is away. */
  async #deadLetter(message: Message, reason: DeadLetterReason, envelope?: Envelope): Promise<boolean> {
    const { consumer, database, outbox, logger, stopping } = this.#options;
    const letter = deadLetterOf(message, consumer, reason);
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'dead-letter',
      'messaging.operation.type': 'send',
      'messaging.destination.name': letter.record.topic,
      'past_tense.reason': reason.reason,
    };
    for (let outages = 0; !stopping.aborted; outages += 1) {
      try {
        await inSpan(
          `dead-letter ${message.topic}`,
          { kind: SpanKind.PRODUCER, attributes },
          envelope ? contextOf(envelope) : context.active(),
          () => database.transaction((transaction) => outbox.forward(transaction, letter.id, letter.record)),
        );
        logger.error(
          { ...origin(message), err: reason.error, reason: reason.reason, attempts: reason.attempts },
          `${message.topic} is dead-lettered`,
        );
        return true;
      } catch (error) {
        const waitMs = backOff(outages, UNAVAILABLE_FIRST_DELAY_MS, UNAVAILABLE_MAX_DELAY_MS);
        logger.warn({ ...origin(message), err: error, waitMs }, `${message.topic} could not be dead-lettered; it is tried again`);
        await this.#wait(waitMs);
      }
    }
    return false;
  }

  /** Waits, but not past the moment the consumer stops. */
  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.stopping }).catch(() => undefined);
  }

  #attributes(message: Message, event: Envelope, attempt: number): Attributes {
    return {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': message.topic,
      'messaging.destination.partition.id': String(message.partition),
      'messaging.kafka.offset': Number(message.offset),
      'messaging.kafka.message.key': event.aggregateId,
      'messaging.consumer.group.name': this.#options.consumer,
      'messaging.message.id': event.eventId,
      'messaging.message.conversation_id': event.correlationId,
      'past_tense.attempt': attempt,
    };
  }
}

/** Where a message came from, for logs. */
function origin({ topic, partition, offset }: Message): object {
  return { topic, partition, offset };
}

/** Doubling delays with jitter, so that many waiting events do not come back at the same moment. */
function backOff(retries: number, firstMs: number, maxMs: number): number {
  return Math.round(Math.min(maxMs, firstMs * 2 ** Math.min(retries, 20)) * (0.5 + Math.random() / 2));
}
