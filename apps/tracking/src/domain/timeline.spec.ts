import { gapsIn, inOrder, statusOf, type TimelineEntry } from './timeline';

const entry = (topic: string, aggregateId: string, aggregateVersion: number, second: number): TimelineEntry => ({
  eventId: `019aa000-0000-7000-8000-00000000000${second}`,
  orderId: 'order',
  topic,
  eventType: topic,
  aggregateId,
  aggregateVersion,
  correlationId: 'flow',
  causationId: 'request',
  producer: 'test/1.0.0',
  traceId: 'trace',
  occurredAt: new Date(second * 1000),
  publishedAt: new Date(second * 1000 + 5),
});

const placed = entry('order-placed', 'order', 1, 1);
const captured = entry('payment-captured', 'payment', 1, 2);
const dispatched = entry('shipment-dispatched', 'shipment', 1, 3);
const completed = entry('order-completed', 'order', 2, 4);
const refunded = entry('payment-refunded', 'payment', 2, 5);

describe('a timeline', () => {
  it('is the same whatever the order of arrival', () => {
    expect(inOrder([completed, dispatched, captured, placed])).toEqual([placed, captured, dispatched, completed]);
  });

  it('knows which facts are missing and when they have come (D3)', () => {
    expect(gapsIn([placed, captured])).toEqual([]);
    expect(gapsIn([completed, refunded])).toEqual([
      { aggregateId: 'order', missingVersions: [1] },
      { aggregateId: 'payment', missingVersions: [1] },
    ]);
    expect(gapsIn([completed, placed])).toEqual([]);
  });

  it.each([
    [[placed], 'placed'],
    [[placed, captured], 'paid'],
    [[placed, captured, dispatched], 'dispatched'],
    [[completed, placed, dispatched], 'completed'],
    [[refunded, placed], 'refunded'],
  ] as const)('tells the status from the facts', (entries, status) => {
    expect(statusOf(entries)).toBe(status);
  });
});
