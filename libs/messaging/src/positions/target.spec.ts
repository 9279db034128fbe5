import { directionOf, eventsBetween, movesOf, type Target } from './target';

const partitions = [
  { topic: 'order-placed', partition: 0, earliest: 10n, position: 50n, end: 100n, lag: 50 },
  { topic: 'order-placed', partition: 1, earliest: 0n, position: 7n, end: 7n, lag: 0 },
];
const at = new Map([
  [0, 30n],
  [1, 9n],
]);
const moves = (to: Target, partition?: number) =>
  movesOf({ topic: 'order-placed', partition, to }, partitions, at).map((move) => `${move.from} ${directionOf(move)} ${move.to}`);

describe('where a reset leads', () => {
  it.each<[Target, string[]]>([
    ['earliest', ['50 back 10', '7 back 0']],
    ['latest', ['50 forward 100', '7 stays 7']],
    [{ time: '2026-11-21T08:00:00Z' }, ['50 back 30', '7 stays 7']],
  ])('%j is found on each partition', (to, expected) => {
    expect(moves(to)).toEqual(expected);
  });

  it('can be an offset of one partition', () => {
    expect(moves({ offset: '100' }, 0)).toEqual(['50 forward 100']);
    expect(moves({ offset: '10' }, 0)).toEqual(['50 back 10']);
    expect(eventsBetween({ from: 50n, to: 10n })).toBe(40);
    expect(eventsBetween({ from: 10n, to: 50n })).toBe(40);
  });

  it.each([
    ['9', 0, 'Offset 9 is not on partition 0 of order-placed, which has 10 to 100 (its end)'],
    ['101', 0, 'Offset 101 is not on partition 0'],
    ['99999999999999999999999', 1, 'is not on partition 1'],
    ['50', undefined, 'Offset 50 is not on partition 1'],
    ['5', 12, 'order-placed has no partition 12; it has 0 to 1.'],
  ])('is refused if it is offset %s of partition %s', (offset, partition, sentence) => {
    expect(() => moves({ offset }, partition)).toThrow(sentence);
  });
});
