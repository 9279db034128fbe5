import { context, SpanKind } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';
import type { Envelope } from '@past-tense/envelope';
import { causedBy, contextOf, inSpan, type Logger, type TraceFlow } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { queueTopic } from '../queues';
import { DEAD } from '../retry/ordered-retry';
import { backOff } from './back-off';
import type { Figures } from './figures';
import { where, type Message } from './message';
import { TooManyHeldError, type Failure, type Turns } from './turns';
import type { Versions } from '../versions/versions';

export interface MovesOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly turns: Turns;
  readonly versions: Versions;
  readonly figures: Figures;
  readonly traceFlow: TraceFlow;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
}

const PERSISTENCE = { firstDelayMs: 100, maxDelayMs: 5_000 };

/** Takes messages away from where they arrived: to a retry tier, or to the dead letters. */
export class Moves {
  constructor(private readonly options: MovesOptions) {}

  /** Moves an event whose reaction has failed as often as it may to the next tier, or to the dead letters. */
  async onward(message: Message, envelope: Envelope, failure: Failure): Promise<boolean> {
    return await this.persist(message, () => this.#onward(message, envelope, failure));
  }

  async #onward(message: Message, envelope: Envelope, failure: Failure): Promise<void> {
    const { consumer, database, turns, versions, figures, logger } = this.options;
    if (versions.areLeft(message, envelope) && (await database.transaction((transaction) => versions.leaveUntried(transaction, envelope))))
      return logger.error(
        { ...where(message), err: failure.error },
        `${message.origin.topic} failed where it has no effect; it is left to another version`,
      );
    const moved = await this.#inMoveSpan(message, envelope, failure, () =>
      database.transaction((transaction) => turns.fail(transaction, message, envelope, failure)),
    );
    if (!moved) return;
    const fields = { ...where(message), err: failure.error, attempts: failure.attempts, reason: failure.reason, place: moved.place };
    if (moved.place === DEAD) {
      figures.deadLettered(envelope.eventType, message.origin.topic, failure.reason);
      logger.error(fields, `${message.origin.topic} is dead-lettered`);
    } else {
      figures.retried(envelope.eventType, moved.place);
      logger.warn(fields, `${message.origin.topic} failed; it waits on ${queueTopic(consumer, moved.place)}`);
    }
  }

  /** Dead-letters a message that cannot be read. */
  async bury(message: Message, envelope: Envelope | undefined, failure: Failure): Promise<boolean> {
    return await this.persist(message, () => this.#bury(message, envelope, failure));
  }

  async #bury(message: Message, envelope: Envelope | undefined, failure: Failure): Promise<void> {
    const { database, turns, figures, logger } = this.options;
    await this.#inMoveSpan(message, envelope, failure, () =>
      database.transaction((transaction) => turns.bury(transaction, message, envelope, failure)),
    );
    figures.deadLettered(envelope?.eventType, message.origin.topic, failure.reason);
    logger.error({ ...where(message), err: failure.error, reason: failure.reason }, `${message.origin.topic} is dead-lettered`);
  }

  /** Does something that needs only the database, again and again until it succeeds. Returns false if the consumer stops first. */
  async persist(message: Message, work: () => Promise<void>): Promise<boolean> {
    const { stopping, logger } = this.options;
    for (let failures = 0; !stopping.aborted; failures += 1) {
      try {
        await work();
        return true;
      } catch (error) {
        const waitMs = backOff(failures, PERSISTENCE);
        if (error instanceof TooManyHeldError && failures === 0) logger.error({ ...where(message), err: error }, error.message);
        logger.warn({ ...where(message), err: error, waitMs }, `${message.origin.topic} could not be moved; it is tried again`);
        await sleep(waitMs, undefined, { signal: stopping }).catch(() => undefined);
      }
    }
    return false;
  }

  /** Part of the attempt that failed; of what the event's own work is part of, where there was no attempt. */
  async #inMoveSpan<T>(
    message: Message,
    envelope: Envelope | undefined,
    { reason, attemptTrace }: Failure,
    work: () => Promise<T>,
  ): Promise<T> {
    const { consumer, traceFlow } = this.options;
    const { topic, partition, offset } = message.origin;
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'move',
      'messaging.operation.type': 'send',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': Number(offset),
      'messaging.consumer.group.name': consumer,
      ...(envelope && { 'messaging.message.id': envelope.eventId, 'messaging.message.conversation_id': envelope.correlationId }),
      'past_tense.reason': reason,
    };
    const { parent, links } = attemptTrace
      ? { parent: contextOf({ traceparent: attemptTrace }), links: [] }
      : envelope
        ? causedBy(envelope, traceFlow)
        : { parent: context.active(), links: [] };
    return await inSpan(`move ${topic}`, { kind: SpanKind.PRODUCER, attributes, links }, parent, work);
  }
}
