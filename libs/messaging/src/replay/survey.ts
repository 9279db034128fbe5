import { timeOfId } from '@past-tense/envelope';
import type { StoredMessage } from '../kafka/read-topic';
import type { ReplayRecords } from './records';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** So many keys are told apart; of more it is only said that there are more. */
const MAX_KEYS = 5_000_000;

/** What would be fed to a consumer. */
export interface Survey {
  readonly events: number;
  readonly byTopic: ReadonlyMap<string, number>;
  readonly partitions: number;
  readonly keys: number;
  /** Publication of the first and the last event, milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Events that the consumer has processed, and which dedup will absorb. */
  readonly processed: number;
  /** Events so old that the consumer cannot know whether it has processed them. */
  readonly tooOld: number;
}

/** Looks at events that are to be fed, some at a time. */
export class Surveyor {
  readonly #byTopic = new Map<string, number>();
  readonly #partitions = new Set<string>();
  readonly #keys = new Set<string>();
  #events = 0;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #processed = 0;
  #tooOld = 0;

  constructor(private readonly options: { records: ReplayRecords; generation: number | undefined; remembersMs: number }) {}

  add = async (messages: readonly StoredMessage[]): Promise<void> => {
    const { records, generation, remembersMs } = this.options;
    const ids = new Set<string>();
    for (const { topic, partition, timestampMs, key, headers } of messages) {
      this.#events += 1;
      this.#byTopic.set(topic, (this.#byTopic.get(topic) ?? 0) + 1);
      this.#partitions.add(`${topic}/${partition}`);
      if (key && this.#keys.size < MAX_KEYS) this.#keys.add(key.toString('latin1'));
      this.#firstMs = Math.min(this.#firstMs, timestampMs);
      this.#lastMs = Math.max(this.#lastMs, timestampMs);
      const id = String(headers['ce_id']);
      if (!UUID_V7.test(id)) continue;
      if (Date.now() - timeOfId(id) > remembersMs) this.#tooOld += 1;
      else ids.add(id);
    }
    if (ids.size > 0) this.#processed += await records.countProcessed([...ids], generation);
  };

  /** What was seen so far. */
  get survey(): Survey {
    return {
      events: this.#events,
      byTopic: this.#byTopic,
      partitions: this.#partitions.size,
      keys: this.#keys.size,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      processed: this.#processed,
      tooOld: this.#tooOld,
    };
  }
}
