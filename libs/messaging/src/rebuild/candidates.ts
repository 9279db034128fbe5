import type { DescMessage } from '@bufbuild/protobuf';
import type { ProcessedEvents } from '@past-tense/dedup';
import { fromHeaders } from '@past-tense/envelope';
import { setImmediate as turn } from 'node:timers/promises';
import type { Message } from '../delivery/message';
import { readEvent } from '../delivery/read-event';
import type { StoredMessage } from '../kafka/read-topic';
import type { Event } from '../reaction';
import { SOURCE } from '../retry/ordered-retry';
import type { Versions } from '../versions/versions';

/** A message as a rebuild sees it: an event that may take effect, one that is left to another version of it, or why it is no event. */
export interface Candidate {
  readonly message: Message;
  readonly read: Event<never> | 'left' | Error;
}

/** Messages that are read before others of this process get a turn. */
const AT_ONCE = 4;

/** Reads messages as events, as the consumer does. */
export class Candidates {
  readonly #known: ReadonlyMap<string, DescMessage>;

  /**
   * @param events those that the consumer reacts to
   * @param processed refuses an id from the future, as it does for the consumer; how old an id may be, it must not mind
   */
  constructor(
    events: Iterable<DescMessage>,
    private readonly versions: Versions,
    private readonly processed: ProcessedEvents,
  ) {
    this.#known = new Map([...events].map((event) => [event.typeName, event]));
  }

  /** Reads what a stream brings, batch by batch, one batch ahead of whoever asks. */
  async *in(stream: AsyncIterable<readonly StoredMessage[]>): AsyncGenerator<Candidate[], void> {
    const batches = this.#read(stream);
    const take = () => {
      const next = batches.next();
      next.catch(() => undefined); // Whoever asks may have ended meanwhile; if not, it is thrown there.
      return next;
    };
    let next = take();
    try {
      for (;;) {
        const { done, value } = await next;
        if (done === true) return;
        next = take();
        yield value;
      }
    } finally {
      await batches.return(undefined);
    }
  }

  /** Reads a message that was kept. */
  of({ topic, partition, offset, key, value, headers }: Omit<StoredMessage, 'timestampMs'>): Candidate {
    const origin = { topic, partition, offset };
    const message: Message = { arrived: origin, origin, from: SOURCE, copy: 0, key, value, headers, attempts: 0, dueMs: 0 };
    try {
      const event = readEvent(message, fromHeaders(headers), this.#known);
      this.processed.requireInWindow(event.eventId);
      return { message, read: this.versions.areLeft(message, event) ? 'left' : event };
    } catch (error) {
      return { message, read: error as Error };
    }
  }

  async *#read(stream: AsyncIterable<readonly StoredMessage[]>): AsyncGenerator<Candidate[], void> {
    for await (const messages of stream) {
      const batch: Candidate[] = [];
      for (const message of messages) {
        batch.push(this.of(message));
        // The batch before is being applied, and waits for PostgreSQL most of the time: that is when this is done.
        if (batch.length % AT_ONCE === 0) await turn();
      }
      yield batch;
    }
  }
}
