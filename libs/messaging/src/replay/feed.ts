import type { KafkaRecord } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';
import { withReplay } from '../delivery/added-headers';
import type { KafkaProducer } from '../kafka/producer';
import type { StoredMessage } from '../kafka/read-topic';
import { replayTopic } from '../queues';
import type { Replay, ReplayRecords } from './records';
import { readOn, type ReplaySource } from './source';

export interface FeedOptions {
  readonly records: ReplayRecords;
  readonly producer: KafkaProducer;
  readonly source: ReplaySource;
  /** Events per second at most. */
  readonly ratePerSecond: number;
  /** Told how many were fed so far. */
  readonly progress: (fed: number) => void;
  /** Aborted when it is to end early; it can go on later. */
  readonly stopping: AbortSignal;
}

/**
 * Feeds a consumer what is left of a replay, in the order of publication: bytes and headers as they were, and whose replay it is. How far it is gets
 * noted when Kafka has acknowledged, so that after a crash a few events are fed twice and none is left out; what comes of them counts once.
 * @returns whether everything was fed
 */
export async function feed(
  replay: Replay,
  { records, producer, source, ratePerSecond, progress, stopping }: FeedOptions,
): Promise<boolean> {
  let { fed } = replay;
  const already = fed.messages;
  const startedAt = performance.now();
  // So few at once that the rate is kept within each second, too.
  const step = Math.max(1, Math.min(500, Math.ceil(ratePerSecond / 10)));
  for await (const messages of source.read(fed)) {
    for (let i = 0; i < messages.length; i += step) {
      if (stopping.aborted) return false;
      const next = messages.slice(i, i + step);
      await producer.publish(next.map((message) => recordOf(replay, message)));
      fed = readOn(fed, next);
      await records.advance(replay, fed);
      progress(fed.messages);
      const aheadMs = ((fed.messages - already) / ratePerSecond) * 1000 - (performance.now() - startedAt);
      if (aheadMs > 0) await sleep(aheadMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
  if (stopping.aborted) return false;
  await records.allFed(replay);
  return true;
}

function recordOf({ id, consumer, generation }: Replay, message: StoredMessage): KafkaRecord {
  const { topic, partition, offset, key, value, headers } = message;
  return {
    topic: replayTopic(consumer),
    key,
    value,
    headers: withReplay(headers, { topic, partition, offset }, { replayId: id, generation }),
  };
}
