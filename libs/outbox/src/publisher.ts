import { ROOT_CONTEXT, SpanKind, type Attributes, type Span } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';
import { contextOf, endWith, SEARCHABLE, tracer, type Logger } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { sentCounter } from './figures';
import { RecordRejectedError, type Position, type Publish } from './record';
import { facts, MAX_BATCH_BYTES, type WaitingRow, type WaitingRows } from './waiting-rows';

// Points at which the crash tests kill the process: Kafka has the batch; the batch is about to be marked as published.
const afterSend = channel('past-tense.after-send');
const beforeMark = channel('past-tense.before-mark');

const REJECTED_PAUSE_MS = 10_000;
const MAX_REJECTED_KEYS = 1_000;

/** Publishes the waiting rows of one table, batch by batch. */
export class Publisher {
  /** Keys with a row that Kafka refused, and when to try again. What waits behind such a row waits with it. */
  readonly #rejected = new Map<string, number>();
  readonly #sent = sentCounter();

  constructor(
    private readonly database: Database,
    private readonly rows: WaitingRows,
    private readonly publish: Publish,
    private readonly logger: Logger,
  ) {}

  /**
   * Publishes one batch from the given shards. A crash after the send and before the mark sends the batch again: consumers
   * recognise the duplicates.
   * @returns whether more may wait
   * @throws when Kafka or the database is away
   */
  async publishBatch(shards: readonly number[], limit: number): Promise<boolean> {
    const batch = await this.rows.read(this.database, shards, this.#rejectedNow(), limit);
    if (batch.length === 0) return false;
    const publishedAt = new Date();
    const published = await this.#send(batch, publishedAt);
    if (published.length > 0) {
      beforeMark.publish(undefined);
      const positions = published.map(({ position }) => position);
      await this.rows.markPublished(this.database, positions, publishedAt);
    }
    return batch.length === limit || batch.reduce((sum, { bytes }) => sum + bytes, 0) >= MAX_BATCH_BYTES;
  }

  async #send(batch: readonly WaitingRow[], publishedAt: Date): Promise<readonly WaitingRow[]> {
    const startedAt = Date.now();
    try {
      const positions = await this.publish(batch.map((row) => row.toRecord(publishedAt)));
      afterSend.publish(undefined);
      for (const [i, row] of batch.entries()) this.#notePublished(row, startedAt, positions[i]);
      return batch;
    } catch (error) {
      // A Kafka that is away is no failure of each row that waits for it, again with every try.
      if (!(error instanceof RecordRejectedError)) throw error;
      return await this.#sendOneByOne(batch, publishedAt);
    }
  }

  /** One record is refused for good: find it, hold back its key, and let the others through. */
  async #sendOneByOne(batch: readonly WaitingRow[], publishedAt: Date): Promise<WaitingRow[]> {
    const published: WaitingRow[] = [];
    for (const row of batch) {
      if (this.#rejected.has(row.key)) continue;
      const startedAt = Date.now();
      try {
        const [position] = await this.publish([row.toRecord(publishedAt)]);
        published.push(row);
        this.#notePublished(row, startedAt, position);
      } catch (error) {
        if (!(error instanceof RecordRejectedError)) throw error;
        noteSend(row, startedAt, (span) => endWith(span, error));
        this.#rejected.set(row.key, Date.now() + REJECTED_PAUSE_MS);
        this.logger.error(
          { err: error, topic: row.topic, eventId: row.eventId, correlationId: row.correlationId },
          'Kafka refuses a record; it stays in the outbox, and what follows of its aggregate waits behind it',
        );
      }
    }
    return published;
  }

  #rejectedNow(): string[] {
    for (const [key, untilMs] of this.#rejected) if (untilMs <= Date.now()) this.#rejected.delete(key);
    return [...this.#rejected.keys()].slice(0, MAX_REJECTED_KEYS);
  }

  #notePublished(row: WaitingRow, startedAt: number, position: Position | undefined): void {
    const { topic, eventId, correlationId } = row;
    noteSend(row, startedAt, (span) => position && span.setAttributes(at(position)));
    this.#sent(topic);
    this.logger.info({ topic, eventId, correlationId }, this.rows === facts ? `published ${topic}` : `forwarded to ${topic}`);
  }
}

/**
 * Makes the span of a row's send once its outcome is known.
 * @param startedAt when it began, milliseconds since 1970
 */
function noteSend({ topic, eventId, trace, correlationId }: WaitingRow, startedAt: number, tell: (span: Span) => unknown): void {
  if (!trace) return;
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    ...(eventId && { 'messaging.message.id': eventId }),
    ...(correlationId && { 'messaging.message.conversation_id': correlationId, [SEARCHABLE.correlationId]: correlationId }),
  };
  const options = { kind: SpanKind.PRODUCER, attributes, startTime: startedAt };
  const span = tracer.startSpan(`send ${topic}`, options, contextOf(trace, ROOT_CONTEXT));
  tell(span);
  span.end();
}

function at({ partition, offset }: Position): Attributes {
  return { 'messaging.destination.partition.id': String(partition), 'messaging.kafka.offset': Number(offset) };
}
