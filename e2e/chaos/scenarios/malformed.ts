import { allTopics, encode, fact, OrderCancelled, PaymentDeclined, ShipmentRejected, type Topic } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { deadLetterTopic, KafkaProducer, readTopic, type StoredMessage } from '@past-tense/messaging';
import type { KafkaRecord } from '@past-tense/outbox';
import { eventually } from '@past-tense/testing';
import { CONSUMERS } from '../../system';
import { Violation } from '../invariants';
import type { Random } from '../random';
import type { Chaos, Outcome, Scenario } from '../scenario';

type Malformation = (good: KafkaRecord & { value: Buffer }, random: Random) => Partial<KafkaRecord>;

const withHeader = (good: KafkaRecord, name: string, value: string | undefined) => {
  const headers = { ...good.headers };
  if (value === undefined) delete headers[name];
  else headers[name] = value;
  return { headers };
};
const REQUIRED = ['ce_id', 'ce_type', 'ce_subject', 'ce_sequence', 'ce_correlationid', 'ce_publishedat', 'content-type', 'traceparent'];

const MALFORMATIONS: Record<string, Malformation> = {
  truncated: (good, random) => ({ value: good.value.subarray(0, random.between(0, good.value.length - 3)) }),
  'without a value': () => ({ value: null }),
  'random bytes': (_, random) => ({ value: random.bytes(random.between(1, 200)) }),
  'random bytes that happen to decode': (good, random) => ({
    // Fields nobody declared are legal Protobuf: the payload decodes, and holds nothing of what it must.
    value: Buffer.concat([good.value.subarray(0, 6), Buffer.from([0xfa, 0x3e, 8]), random.bytes(8)]),
  }),
  'wrong type': (good, random) =>
    withHeader(good, 'ce_type', random.pick(['order.v9.OrderImagined', 'OrderPlaced', '', 'payment.v1.PaymentRefundd'])),
  'header missing': (good, random) => withHeader(good, random.pick(REQUIRED), undefined),
  'header malformed': (good, random) =>
    withHeader(good, random.pick(REQUIRED), random.pick(['', 'x', '-1', '\u0000', '999999999999999999999', 'null', '1970-01-01'])),
  'no headers': () => ({ headers: {} }),
  'another key': () => ({ key: newId() }),
  'no key': () => ({ key: null }),
  oversized: (_, random) => ({ value: Buffer.alloc(random.between(500_000, 1_000_000), 7) }),
};
const SAYS_NOTHING = 0;
const UNKNOWN_ENUM = new Map(
  [
    (id: string) => fact(PaymentDeclined, { paymentId: id, orderId: newId(), reason: SAYS_NOTHING }),
    (id: string) => fact(ShipmentRejected, { shipmentId: id, orderId: newId(), reason: SAYS_NOTHING }),
    (id: string) => fact(OrderCancelled, { orderId: id, reason: SAYS_NOTHING }),
  ].map((make) => [make(newId()).type.typeName as string, make]),
);
const OVERSIZED_AT_MOST = 40;
// A large message is the last of its batch: two of them on one partition would be more than Kafka takes at once.
const SINGLE_BYTES = 100_000;
const MARK = 'x-malformed';

/** Messages nobody can read are put aside with the reason; nothing stops for them. */
export const malformed: Scenario = {
  name: 'malformed',
  what: 'malformed messages of every kind on every topic, while orders flow',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    await load.run({ orders: 10 });
    const examples = new Map<string, StoredMessage>();
    for (const topic of allTopics())
      for (const message of await readTopic(system.kafka, topic.name)) if (isGood(message)) examples.set(topic.name, message);
    const faults: Record<string, number> = {};
    const expected = new Map<string, Set<string>>(CONSUMERS.map((consumer) => [consumer, new Set()]));
    const producer = new KafkaProducer(system.kafka);
    let sending = true;
    const send = async () => {
      for (let sent = 0; sent < scale.malformed;) {
        const batch: KafkaRecord[] = [];
        for (let bytes = 0; batch.length < 200 && sent < scale.malformed && bytes < SINGLE_BYTES; sent += 1) {
          const { record, kind, topic } = makeOne(examples, random, faults, sent);
          faults[kind] = (faults[kind] ?? 0) + 1;
          for (const consumer of topic.consumers) expected.get(consumer)!.add(markOf(record));
          bytes += record.value?.length ?? 0;
          batch.push(record);
        }
        await producer.publish(batch);
        progress(sent / scale.malformed / 2);
      }
      sending = false;
    };
    await Promise.all([load.run({ orders: Math.ceil(scale.orders / 20), while: () => sending }), send()]);
    await producer.disconnect();
    for (const [i, consumer] of CONSUMERS.entries()) {
      await eventually(async () => checkLetters(consumer, await lettersOf(system, consumer), expected.get(consumer)!), 300_000);
      progress(0.5 + (i + 1) / CONSUMERS.length / 2);
    }
    return { faults, figures: Object.fromEntries([...expected].map(([consumer, marks]) => [`dead letters of ${consumer}`, marks.size])) };
  },
};

interface Letter {
  readonly mark: string;
  readonly reason: string;
  readonly origin: string;
}

async function lettersOf(system: Chaos['system'], consumer: string): Promise<Letter[]> {
  return await readTopic(system.kafka, deadLetterTopic(consumer), ({ key, value, headers }) => ({
    mark: markOf({ key, value, headers } as KafkaRecord),
    reason: String(headers['pt_reason']),
    origin: ['topic', 'partition', 'offset'].map((part) => String(headers[`pt_source_${part}`])).join('/'),
  }));
}

function checkLetters(consumer: string, all: readonly Letter[], expected: ReadonlySet<string>): void {
  const letters = all.filter(({ mark }) => expected.has(mark));
  const found = new Set(letters.map(({ mark }) => mark));
  const missing = [...expected].filter((mark) => !found.has(mark));
  const wrong = letters.filter(({ reason, origin }) => reason !== 'INVALID' || !/^[a-z-]+\/\d+\/\d+$/.test(origin));
  if (missing.length > 0)
    throw new Violation([
      `${consumer} has not dead-lettered ${missing.length} of ${expected.size} malformed messages, such as ${missing[0]}`,
    ]);
  if (wrong.length > 0)
    throw new Violation([`${consumer} dead-lettered ${wrong.length} messages without reason or origin: ${JSON.stringify(wrong[0])}`]);
}

function makeOne(
  examples: ReadonlyMap<string, StoredMessage>,
  random: Random,
  made: Readonly<Record<string, number>>,
  number: number,
): { record: KafkaRecord; kind: string; topic: Topic } {
  const topic = random.pick(allTopics().filter(({ name }) => examples.has(name)));
  const { key, value, headers } = examples.get(topic.name)!;
  const good = {
    topic: topic.name,
    key,
    value: value!,
    headers: { ...(headers as KafkaRecord['headers']), ce_id: newId(), [MARK]: String(number) },
  };
  const unknownEnum = UNKNOWN_ENUM.get(topic.eventType);
  if (unknownEnum && random.next() < 0.3) {
    const id = newId();
    const { type, data } = unknownEnum(id);
    return {
      record: { ...good, key: id, value: encode(type, data, 1), headers: { ...good.headers, ce_subject: id } },
      kind: 'enum value that says nothing',
      topic,
    };
  }
  const kinds = Object.keys(MALFORMATIONS).filter(
    (kind) => kind !== 'oversized' || ((made['oversized'] ?? 0) < OVERSIZED_AT_MOST && random.next() < 0.2),
  );
  const kind = random.pick(kinds);
  const record: KafkaRecord = { ...good, ...MALFORMATIONS[kind]!(good, random) };
  // Without headers only the key can tell one from the other.
  return { record: kind === 'no headers' ? { ...record, key: `${MARK}-${number}` } : record, kind, topic };
}

function markOf({ key, headers }: KafkaRecord): string {
  const mark = headers[MARK];
  return mark === undefined ? String(key) : String(mark);
}

function isGood({ headers }: StoredMessage): boolean {
  return headers[MARK] === undefined && headers['ce_id'] !== undefined;
}
