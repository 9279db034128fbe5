import { ROOT_CONTEXT, SpanKind, type Attributes, type Span } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';
import { contextOf, endWith, forKnownFields, SEARCHABLE, tracer, type Logger } from '@past-tense/telemetry';
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
  /** For the lines of which every row has one. */
  readonly #rowLogger: Logger;

  constructor(
    private readonly database: Database,
    private readonly rows: WaitingRows,
    private readonly publish: Publish,
    private readonly logger: Logger,
  ) {
    this.#rowLogger = forKnownFields(logger);
  }

  /**
   * Publishes what waits in the shards that are held, batch by batch, until little is left. While Kafka takes a batch, the one before it is marked and
   * the next one is read; a batch is sent when the one before it is acknowledged. A crash after the send and before the mark sends a batch again:
   * consumers recognise the duplicates.
   * @param held the shards, asked again before each batch is sent
   * @throws when Kafka or the database is away
   */
  async publishWaiting(held: () => readonly number[], limit: number): Promise<void> {
    let shards = held();
    let waiting = await this.#read(shards, limit, []);
    let marked: Promise<void> = Promise.resolve();
    while (waiting.length > 0) {
      const publishedAt = new Date();
      const sending = this.#send(waiting, publishedAt);
      const reading = isFull(waiting, limit) ? this.#readAfter(marked, shards, limit, waiting) : marked.then(() => []);
      // Both are waited for, whichever fails: what is still being sent must not be sent once more beside that.
      const [sent, next] = await Promise.allSettled([sending, reading]);
      if (sent.status === 'rejected') throw sent.reason;
      marked = this.#mark(sent.value, publishedAt);
      if (next.status === 'rejected') {
        await marked;
        throw next.reason;
      }
      waiting = next.value;
      const before = shards;
      shards = held();
      // Whoever holds a shard now may have published from it meanwhile; and what follows a row that was refused waits behind it.
      if (shards !== before || waiting.some(({ key }) => this.#rejected.has(key))) {
        await marked;
        waiting = await this.#read(shards, limit, []);
      }
    }
    await marked;
  }

  async #readAfter(
    marked: Promise<void>,
    shards: readonly number[],
    limit: number,
    beingSent: readonly WaitingRow[],
  ): Promise<WaitingRow[]> {
    await marked;
    return await this.#read(shards, limit, beingSent);
  }

  async #read(shards: readonly number[], limit: number, beingSent: readonly WaitingRow[]): Promise<WaitingRow[]> {
    if (shards.length === 0) return [];
    const without = { keys: this.#rejectedNow(), positions: beingSent.map(({ position }) => position) };
    return await this.rows.read(this.database, shards, without, limit);
  }

  async #mark(published: readonly WaitingRow[], publishedAt: Date): Promise<void> {
    if (published.length === 0) return;
    beforeMark.publish(undefined);
    const positions = published.map(({ position }) => position);
    await this.rows.markPublished(this.database, positions, publishedAt);
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
    this.#rowLogger.info({ topic, eventId, correlationId }, this.rows === facts ? `published ${topic}` : `forwarded to ${topic}`);
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

/** Whether more may wait than was read. */
function isFull(batch: readonly WaitingRow[], limit: number): boolean {
  return batch.length === limit || batch.reduce((sum, { bytes }) => sum + bytes, 0) >= MAX_BATCH_BYTES;
}

function at({ partition, offset }: Position): Attributes {
  return { 'messaging.destination.partition.id': String(partition), 'messaging.kafka.offset': Number(offset) };
}
