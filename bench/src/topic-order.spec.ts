import { outOfOrder, type Placed } from './topic-order';

const event = (aggregateId: string, version: number): Placed => ({ aggregateId, eventId: `${aggregateId}/${version}`, version });

describe('events out of order', () => {
  it('are those that came after a later one of their aggregate', () => {
    expect(outOfOrder([event('a', 1), event('b', 2), event('a', 2), event('b', 1), event('a', 3)])).toBe(1);
    expect(outOfOrder([event('a', 3), event('a', 1), event('a', 2), event('a', 4)])).toBe(2);
  });

  it('are not those that came again', () => {
    expect(outOfOrder([event('a', 1), event('a', 2), event('a', 1), event('a', 2), event('a', 3)])).toBe(0);
  });
});
