import { createRequire } from 'node:module';

// kafkajs 2.2.4 names every partition of its assignment in every fetch, gets every one of them in the answer, and takes each through a queue of its
// own, whether it holds anything or not: with two hundred partitions that was most of what an idle consumer and its broker did, and came before each
// message that an event waited for. Its protocol layer knows fetch sessions, in which the broker keeps the list and both sides name only what has
// changed; its consumer does not use them. Here it does.
// https://cwiki.apache.org/confluence/display/KAFKA/KIP-227%3A+Introduce+Incremental+FetchRequests+to+Increase+Partition+Scalability

const load = createRequire(__filename);

/** What to fetch of a topic, as kafkajs hands it to its broker. */
export interface TopicToFetch {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[];
}

interface Forgotten {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface FetchRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: readonly TopicToFetch[];
  readonly forgottenTopics: readonly Forgotten[];
}

/** Asks for a new session. */
const NEW = 0;
const LAST_EPOCH = 2 ** 31 - 1;

/** What a broker remembers of the fetches of one consumer. https://kafka.apache.org/protocol#The_Messages_Fetch */
export class FetchSession {
  #id = 0;
  #epoch = NEW;
  /** The offset that the broker has for each partition, by topic. */
  #known = new Map<string, Map<number, string>>();

  /**
   * The request that makes the broker fetch exactly these partitions. Each request counts as sent: if its answer does not come, or says that
   * something is wrong, call `drop` before the next one.
   */
  request(wanted: readonly TopicToFetch[]): FetchRequest {
    const { topics, known } = this.#changed(wanted);
    const request = { sessionId: this.#id, sessionEpoch: this.#epoch, topics, forgottenTopics: this.#forgotten(known) };
    this.#known = known;
    return request;
  }

  /** The answer to the last request has come. A broker that keeps no more sessions gives the number 0; then everything is named again. */
  answered(sessionId: number): void {
    if (sessionId === 0) return this.drop();
    this.#id = sessionId;
    this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
  }

  /** Nobody knows what the broker remembers: the next request begins anew, and ends the session that there was. */
  drop(): void {
    this.#epoch = NEW;
    this.#known = new Map();
  }

  #changed(wanted: readonly TopicToFetch[]): { topics: TopicToFetch[]; known: Map<string, Map<number, string>> } {
    const topics: TopicToFetch[] = [];
    const known = new Map<string, Map<number, string>>();
    for (const { topic, partitions } of wanted) {
      const before = this.#known.get(topic);
      const changed = partitions.filter(({ partition, fetchOffset }) => before?.get(partition) !== fetchOffset);
      if (changed.length > 0) topics.push({ topic, partitions: changed });
      known.set(topic, new Map(partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset])));
    }
    return { topics, known };
  }

  #forgotten(wanted: ReadonlyMap<string, ReadonlyMap<number, string>>): Forgotten[] {
    const forgotten: Forgotten[] = [];
    for (const [topic, before] of this.#known) {
      const partitions = [...before.keys()].filter((partition) => !wanted.get(topic)?.has(partition));
      if (partitions.length > 0) forgotten.push({ topic, partitions });
    }
    return forgotten;
  }
}

interface FetchOptions {
  readonly topics: readonly TopicToFetch[];
}

interface FetchAnswer {
  readonly errorCode?: number;
  readonly sessionId?: number;
  readonly responses: readonly unknown[];
}

type Request = (options: object) => unknown;

interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>> | null;
  lookupRequest(apiKey: number, definition: unknown): Request;
  fetch: (this: Broker, options: FetchOptions) => Promise<FetchAnswer>;
}

const MENDED = Symbol.for('past-tense.fetch-sessions');
/** FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH: the broker has forgotten the session, or counts otherwise. */
const OF_THE_SESSION = new Set([70, 71]);
/** The first version of the request that has sessions. */
const SINCE_VERSION = 7;
/** Every consumer of kafkajs has brokers of its own, and asks each for one fetch at a time. */
const sessions = new WeakMap<Broker, FetchSession>();
const fetching = new WeakSet<Broker>();

/**
 * Lets the consumers of kafkajs fetch in sessions. Importing this file is enough.
 * @throws Error if kafkajs has changed so that this no longer fits
 */
function useFetchSessions(): void {
  const { prototype } = load('kafkajs/src/broker') as { prototype: Broker };
  if (Object.hasOwn(prototype, MENDED)) return;
  const { Fetch: apiKey } = load('kafkajs/src/protocol/requests/apiKeys') as { Fetch: number };
  const { createErrorFromCode } = load('kafkajs/src/protocol/error') as { createErrorFromCode: (code: number) => Error };
  const original = prototype.fetch;
  if (typeof original !== 'function' || !original.toString().includes('this.lookupRequest(apiKeys.Fetch') || apiKey === undefined)
    throw new Error('kafkajs has changed inside; see in libs/messaging/src/kafka/kafkajs-fetch-sessions.ts how it fetches.');

  Object.defineProperty(prototype, MENDED, { value: true });
  prototype.fetch = async function (this: Broker, options: FetchOptions) {
    if (fetching.has(this) || (this.versions?.[apiKey]?.maxVersion ?? 0) < SINCE_VERSION) return await original.call(this, options);
    const session = sessions.get(this) ?? new FetchSession();
    sessions.set(this, session);
    fetching.add(this);
    try {
      const { topics, ...inSession } = session.request(options.topics);
      // Only the request is made otherwise; how it is sent, and what a failure means, stays with kafkajs.
      const lookupRequest: Broker['lookupRequest'] = (...definition) => {
        const request = this.lookupRequest(...definition);
        return (fields) => request({ ...fields, ...inSession });
      };
      const broker = Object.create(this, { lookupRequest: { value: lookupRequest } }) as Broker;
      const answer = await original.call(broker, { ...options, topics });
      // There is nothing in such an answer. Where only the session is at fault, the next request mends it.
      if (answer.errorCode && !OF_THE_SESSION.has(answer.errorCode)) throw createErrorFromCode(answer.errorCode);
      if (answer.errorCode) session.drop();
      else session.answered(answer.sessionId ?? 0);
      return answer;
    } catch (error) {
      session.drop();
      throw error;
    } finally {
      fetching.delete(this);
    }
  };
}

useFetchSessions();
