const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/**
 * The hash of a key by which Kafka's clients choose its partition, 0 to 2^31 − 1: `partition = murmur2(key) % partitions`. With numbers, because
 * those of kafkajs and of @platformatic/kafka count in bigints and take ten times as long.
 * https://github.com/apache/kafka/blob/4.1/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
 */
export function murmur2(key: Buffer): number {
  const whole = key.length - (key.length % 4);
  let hash = SEED ^ key.length;
  for (let i = 0; i < whole; i += 4) {
    const mixed = Math.imul(key.readInt32LE(i), MIX);
    hash = Math.imul(hash, MIX) ^ Math.imul(mixed ^ (mixed >>> 24), MIX);
  }
  if (whole < key.length) hash = Math.imul(hash ^ key.readUIntLE(whole, key.length - whole), MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
