import { Reader, Writer } from '@platformatic/kafka';

// What members of a group tell each other is their own affair, not the broker's. These are kafkajs's words, which are Kafka's, so that members
// with either client can be in one group, and either can be the one that shares out.
// https://github.com/apache/kafka/blob/4.1/clients/src/main/resources/common/message/ConsumerProtocolSubscription.json
// https://github.com/apache/kafka/blob/4.1/clients/src/main/resources/common/message/ConsumerProtocolAssignment.json
export const PROTOCOL = 'RoundRobinAssigner';
const VERSION = 0;
const NO_USER_DATA = Buffer.alloc(0);

/** Partitions by topic. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

export interface Member {
  readonly id: string;
  readonly topics: ReadonlySet<string>;
}

/** Gives the partitions of each topic in turn to the members that want the topic. The order of the members' ids decides, as in kafkajs. */
export function share(members: readonly Member[], partitions: ReadonlyMap<string, number>): Map<string, Assignment> {
  const shares = new Map(members.map(({ id }) => [id, new Map<string, number[]>()]));
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  let turn = 0;
  for (const [topic, count] of partitions) {
    const wanting = sorted.filter(({ topics }) => topics.has(topic));
    for (let partition = 0; partition < count && wanting.length > 0; partition += 1) {
      const of = shares.get(wanting[turn++ % wanting.length]!.id)!;
      of.set(topic, [...(of.get(topic) ?? []), partition]);
    }
  }
  return shares;
}

export function encodeSubscription(topics: readonly string[]): Buffer {
  return Writer.create()
    .appendInt16(VERSION)
    .appendArray([...topics], (writer, topic) => writer.appendString(topic, false), false, false)
    .appendBytes(NO_USER_DATA, false).buffer;
}

export function decodeSubscription(bytes: Buffer): string[] {
  const reader = Reader.from(bytes);
  reader.readInt16();
  return reader.readArray(() => reader.readString(false), false, false);
}

export function encodeAssignment(assignment: Assignment): Buffer {
  return Writer.create()
    .appendInt16(VERSION)
    .appendArray(
      [...assignment],
      (writer, [topic, partitions]) =>
        writer.appendString(topic, false).appendArray([...partitions], (inner, one) => inner.appendInt32(one), false, false),
      false,
      false,
    )
    .appendBytes(NO_USER_DATA, false).buffer;
}

/** A member for which nothing is left gets no bytes from kafkajs. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return new Map();
  const reader = Reader.from(bytes);
  reader.readInt16();
  return new Map(
    reader.readArray(
      (): [string, number[]] => [reader.readString(false), reader.readArray(() => reader.readInt32(), false, false)],
      false,
      false,
    ),
  );
}
