import { murmur2 } from './murmur2';

// From https://github.com/apache/kafka/blob/4.1/clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as Kafka does', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash & 0x7fffffff);
});
