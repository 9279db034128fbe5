import { eventsByTopic, TOPICS_WITH_EVENTS } from './many-topics';

describe('events on many topics', () => {
  it('are shared out by aggregate, so that the versions of each ascend on one topic', () => {
    const byTopic = eventsByTopic(40, 20, 10);

    expect([...byTopic.keys()]).toEqual(TOPICS_WITH_EVENTS);
    for (const messages of byTopic.values()) {
      expect(messages).toHaveLength(4);
      expect(new Set(messages.map(({ key }) => String(key))).size).toBe(2);
      expect(messages.map(({ headers }) => headers!['ce_sequence'])).toEqual(['1', '1', '2', '2']);
    }
  });

  it('are all on one, where one is asked for', () => {
    expect([...eventsByTopic(5, 5, 1)].map(([topic, messages]) => [topic, messages.length])).toEqual([['order-completed', 5]]);
  });
});
