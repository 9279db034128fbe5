import fc from 'fast-check';
import { FetchSession, type FetchRequest, type TopicToFetch } from './kafkajs-fetch-sessions';

const at = (offsets: Readonly<Record<string, Readonly<Record<number, number>>>>): TopicToFetch[] =>
  Object.entries(offsets).map(([topic, partitions]) => ({
    topic,
    partitions: Object.entries(partitions).map(([partition, offset]) => ({
      partition: Number(partition),
      fetchOffset: String(offset),
      maxBytes: 1,
    })),
  }));

/** What a broker keeps of a session, as KIP-227 has it. */
class BrokerSide {
  readonly #sessions = new Map<number, { epoch: number; offsets: Map<string, string> }>();
  #last = 0;

  /** @returns the number of the session, and what would be fetched; nothing where the request does not fit */
  take({ sessionId, sessionEpoch, topics, forgottenTopics }: FetchRequest): { id: number; offsets: Map<string, string> } | undefined {
    let id = sessionId;
    if (sessionEpoch === 0) {
      this.#sessions.delete(sessionId);
      this.#sessions.set((id = ++this.#last), { epoch: 0, offsets: new Map() });
    }
    const session = this.#sessions.get(id);
    if (session?.epoch !== sessionEpoch) return undefined;
    for (const { topic, partitions } of topics)
      for (const { partition, fetchOffset } of partitions) session.offsets.set(`${topic}/${partition}`, fetchOffset);
    for (const { topic, partitions } of forgottenTopics) for (const one of partitions) session.offsets.delete(`${topic}/${one}`);
    session.epoch += 1;
    return { id, offsets: session.offsets };
  }

  forgetAll(): void {
    this.#sessions.clear();
  }
}

const flat = (wanted: readonly TopicToFetch[]) =>
  new Map(wanted.flatMap(({ topic, partitions }) => partitions.map((one) => [`${topic}/${one.partition}`, one.fetchOffset] as const)));

describe('a fetch session', () => {
  it('names everything once, and then what has changed', () => {
    const session = new FetchSession();
    expect(session.request(at({ a: { 0: 1, 1: 1 }, b: { 0: 5 } }))).toEqual({
      sessionId: 0,
      sessionEpoch: 0,
      topics: at({ a: { 0: 1, 1: 1 }, b: { 0: 5 } }),
      forgottenTopics: [],
    });
    session.answered(42);
    expect(session.request(at({ a: { 0: 1, 1: 1 }, b: { 0: 5 } }))).toEqual({
      sessionId: 42,
      sessionEpoch: 1,
      topics: [],
      forgottenTopics: [],
    });
    session.answered(42);
    expect(session.request(at({ a: { 0: 1, 1: 3 }, c: { 2: 0 } }))).toEqual({
      sessionId: 42,
      sessionEpoch: 2,
      topics: at({ a: { 1: 3 }, c: { 2: 0 } }),
      forgottenTopics: [{ topic: 'b', partitions: [0] }],
    });
  });

  it('names everything every time to a broker that keeps no more sessions', () => {
    const session = new FetchSession();
    for (let i = 0; i < 3; i += 1) {
      expect(session.request(at({ a: { 0: 1 } }))).toEqual({
        sessionId: 0,
        sessionEpoch: 0,
        topics: at({ a: { 0: 1 } }),
        forgottenTopics: [],
      });
      session.answered(0);
    }
  });

  it('has the broker fetch what is wanted, whatever is forgotten, lost or refused', () => {
    const offsets = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.dictionary(fc.constantFrom('0', '1', '2'), fc.nat(3), { minKeys: 1 }) as fc.Arbitrary<Record<number, number>>,
    );
    const step = fc.record({ wanted: offsets, fate: fc.constantFrom('answered', 'answered', 'answered', 'lost', 'forgotten') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const broker = new BrokerSide();
        const session = new FetchSession();
        for (const { wanted, fate } of steps) {
          if (fate === 'forgotten') broker.forgetAll();
          const fetched = broker.take(session.request(at(wanted)));
          if (fetched) expect(fetched.offsets).toEqual(flat(at(wanted)));
          else expect(fate).toBe('forgotten');
          if (!fetched || fate === 'lost') session.drop();
          else session.answered(fetched.id);
        }
      }),
    );
  });
});
