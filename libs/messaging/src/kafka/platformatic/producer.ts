import { ProduceAcks, Producer, TimeoutError, type ProduceResult } from '@platformatic/kafka';
import type { KafkaRecord, Position } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaOptions } from '../client';
import type { ProducerClient } from '../producer';
import { rejected, REJECTIONS } from '../rejections';
import { clientOptions, codesIn, hearErrors, pauseAfter, rootCause, within } from './client';
import { murmur2 } from './murmur2';

/** As with kafkajs: what lasts longer is tried again by the relay, which knows what it waits for. */
const ATTEMPTS = 4;
const METADATA_MAX_AGE_MS = 300_000;
const APPEND_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 5_000;
const MAX_TIME_SPAN_MS = 2n ** 31n - 1n;

type BytesProducer = Producer<Buffer | undefined, Buffer | undefined, Buffer, Buffer>;

/** Records without a key go to the partitions in turn. */
let keyless = 0;

interface Message {
  readonly topic: string;
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly headers: Map<Buffer, Buffer>;
  readonly timestamp: bigint;
}

/** Sends records with @platformatic/kafka. */
export class PlatformaticProducer implements ProducerClient {
  readonly #options: KafkaOptions;
  #producer: BytesProducer | undefined;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  publish = async (records: readonly KafkaRecord[]): Promise<readonly Position[]> => {
    if (records.length === 0) return [];
    const messages = encode(records);
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#sendAll(messages);
      } catch (error) {
        const codes = codesIn(error);
        if ([...REJECTIONS].some((code) => codes.has(code))) throw rejected(messages, rootCause(error));
        if (failures < ATTEMPTS && !hasTimedOut(error) && !codes.has('PLT_KFK_AUTHENTICATION')) await sleep(pauseAfter(failures - 1));
        else throw isUnknown(error) ? rejected(messages, rootCause(error)) : error;
      }
    }
  };

  async disconnect(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer) await within(DISCONNECT_TIMEOUT_MS, producer.close()).catch(() => undefined);
  }

  async #sendAll(messages: readonly Message[]): Promise<Position[]> {
    const producer = (this.#producer ??= this.#create());
    try {
      const places: Position[] = [];
      for (const run of runs(messages)) places.push(...(await send(producer, run)));
      return places;
    } catch (error) {
      // Partitions may be led by other brokers now, or be others, if the topic was deleted and made again.
      producer.clearMetadata();
      // An answer that comes too late is taken for the beginning of the next one: such a connection is of no use any more.
      if (hasTimedOut(error) && this.#producer === producer) await this.disconnect();
      throw error;
    }
  }

  #create(): BytesProducer {
    const producer: BytesProducer = new Producer({
      ...clientOptions(this.#options),
      idempotent: false,
      timeout: APPEND_TIMEOUT_MS,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      // It would look for the leader of a partition that may not be there any more, and throw where nobody can catch it.
      repeatOnStaleMetadata: false,
    });
    hearErrors(producer.connections);
    return producer;
  }
}

/** @throws RecordRejectedError for a record that cannot be encoded: sending it again would not help */
function encode(records: readonly KafkaRecord[]): Message[] {
  try {
    return records.map(({ topic, key, value, headers, timestampMs }) => ({
      topic,
      key: key === null ? undefined : bytes(key),
      value: value === null ? undefined : bytes(value),
      // A name that occurs several times is several keys: to a Map, no Buffer is another one.
      headers: new Map(
        Object.entries(headers).flatMap(([name, values]) =>
          [values].flat().map((one): [Buffer, Buffer] => [Buffer.from(name), bytes(one)]),
        ),
      ),
      timestamp: BigInt(timestampMs ?? Date.now()),
    }));
  } catch (error) {
    throw rejected(records, error as Error);
  }
}

/**
 * Parts, in order, of which all times lie together. Each batch has the time of its first record and the distances of the others, and the client
 * writes one of more than 31 bits (25 days) wrongly: int64ZigZagEncode of @platformatic/dynamic-buffer 0.3.1.
 */
function runs(messages: readonly Message[]): Message[][] {
  const all: Message[][] = [];
  let [earliest, latest] = [0n, 0n];
  for (const message of messages) {
    const { timestamp } = message;
    const run = all.at(-1);
    [earliest, latest] = run ? [min(earliest, timestamp), max(latest, timestamp)] : [timestamp, timestamp];
    if (run && latest - earliest <= MAX_TIME_SPAN_MS) run.push(message);
    else {
      all.push([message]);
      [earliest, latest] = [timestamp, timestamp];
    }
  }
  return all;
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

async function send(producer: BytesProducer, messages: readonly Message[]): Promise<Position[]> {
  const { topics } = await producer.metadata({ topics: [...new Set(messages.map(({ topic }) => topic))] });
  const addressed = messages.map((message) => ({
    ...message,
    partition: (message.key ? murmur2(message.key) : keyless++) % topics.get(message.topic)!.partitionsCount,
  }));
  return positions(addressed, await producer.send({ messages: addressed, acks: ProduceAcks.ALL }));
}

const bytes = (one: Buffer | string): Buffer => (Buffer.isBuffer(one) ? one : Buffer.from(one));

/** Kafka says where each partition's messages begin; they lie there in the order in which they were given. */
function positions(messages: readonly { topic: string; partition: number }[], { offsets = [] }: ProduceResult): Position[] {
  const next = new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
  return messages.map(({ topic, partition }) => {
    const name = `${topic}/${partition}`;
    const offset = next.get(name) ?? 0n;
    next.set(name, offset + 1n);
    return { partition, offset };
  });
}

/** The client says in words only that Kafka does not know a topic. */
function isUnknown(error: unknown): boolean {
  return codesIn(error).has('UNKNOWN_TOPIC_OR_PARTITION') || /^Unknown topic /.test((error as Error).message);
}

function hasTimedOut(error: unknown): boolean {
  const { errors = [], cause } = error as { errors?: readonly unknown[]; cause?: unknown };
  return error instanceof TimeoutError || [...errors, cause].some((one) => one !== undefined && hasTimedOut(one));
}
