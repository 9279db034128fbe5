import { bytes, comparisonOf, countsOf, duration } from './words';

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KiB'],
  [412 * 1024 * 1024, '412.0 MiB'],
  [5 * 1024 ** 5, '5120.0 TiB'],
])('%d bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

it.each([
  [7, '7 ms'],
  [1_500, '1.5 s'],
  [61_000, '1 min 1 s'],
  [3_700_000, '1 h 1 min'],
])('%d ms are %s', (value, text) => {
  expect(duration(value)).toBe(text);
});

it('says of messages only what is worth saying', () => {
  const counts = { applied: 1_200, duplicates: 3, left: 0, discarded: 0, invalid: 1, failed: 0 };
  const failures = [{ kind: 'invalid', topic: 'order-placed', partition: 2, offset: '7', error: 'EnvelopeError: header ce_id is missing' }];

  expect(countsOf({ record: { counts, failures } as never, waiting: 0 })).toEqual([
    '1,200 events are in the copy; 3 were there more than once; 1 are no events, as the consumer dead-letters them.',
    '  order-placed/2 at 7: EnvelopeError: header ce_id is missing',
  ]);
});

it('names what differs by its key', () => {
  const table = { table: 'timeline', servingRows: 10, copyRows: 11, equal: false, onlyServing: 0, onlyCopy: 1, different: 1 };
  const samples = [
    { key: { event_id: 'a' }, in: 'copy', columns: [] },
    { key: { event_id: 'b' }, in: 'both', columns: ['producer', 'topic'] },
  ] as const;

  expect(comparisonOf([{ ...table, samples }])).toEqual([
    'timeline: 10 rows serve and 11 are in the copy; 0 only serve, 1 are only in the copy, 1 differ.',
    '  only in the copy: {"event_id":"a"}',
    '  differs in producer, topic: {"event_id":"b"}',
  ]);
});
