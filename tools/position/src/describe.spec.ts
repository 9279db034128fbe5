import { positionsInWords, previewInWords, progressInWords } from './describe';
import type { Recorded } from './operations';

describe('what the tool says', () => {
  it('of positions', () => {
    const partitions = [{ topic: 'order-placed', partition: 0, earliest: '0', position: '250', end: '1250', lag: 1000 }];
    expect(positionsInWords({ consumer: 'tracking', partitions, lag: 1000, catchUpSeconds: 100 })).toBe(
      'TOPIC         PARTITION  EARLIEST  POSITION  END   LAG\norder-placed  0          0         250       1250  1000\n\ntracking: 1000 events not done, caught up in about 2 min',
    );
  });

  it('of what a reset would be', () => {
    const move = (partition: number, events: number, direction: 'back' | 'forward' | 'stays') => ({
      partition,
      from: '5',
      to: '5',
      events,
      direction,
    });
    const partitions = [move(0, 3, 'back'), move(1, 1, 'forward'), move(2, 0, 'stays')];
    const said = previewInWords({ topic: 'order-placed', partitions, again: 3, skipped: 1 });
    expect(said).toContain('3 back');
    expect(said).toContain('3 events will come again; those that took effect are absorbed. 1 event will be skipped and never handled.');
    expect(previewInWords({ topic: 'order-placed', partitions: [], again: 0, skipped: 0 })).toContain('No event comes again');
  });

  it.each<[Partial<Recorded>, string]>([
    [{ state: 'pending' }, 'waits for the instances'],
    [{ state: 'done' }, 'not known right now'],
    [{ state: 'done', remaining: 0 }, 'caught up'],
    [{ state: 'done', remaining: 7, catchUpSeconds: 1.2 }, '7 events left, about 2 s'],
    [{ state: 'done', remaining: 7 }, '7 events left'],
  ])('of a reset that is %j', (recorded, sentence) => {
    expect(progressInWords(recorded as Recorded)).toContain(sentence);
  });
});
