import { PartitionProgress } from './partition-progress';

const progressAt = () => new PartitionProgress('order-placed', 0);

describe('the progress of a partition', () => {
  it('moves only to the first message that is not done', () => {
    const progress = progressAt();
    const [first, second, third] = ['10', '11', '12'].map((offset) => progress.accept(offset).done);

    expect(progress.position).toBeUndefined();
    second!();
    expect(progress.position).toBeUndefined();
    first!();
    expect(progress.position).toBe('12');
    expect(progress.waiting).toBe(1);
    third!();
    expect(progress.position).toBe('13');
    expect(progress.waiting).toBe(0);
  });

  it('knows what is committed', () => {
    const progress = progressAt();
    expect(progress.moved).toBe(false);
    progress.accept('7').done();
    expect(progress.moved).toBe(true);
    progress.committed('8');
    expect(progress.moved).toBe(false);
  });

  it('begins where it was reset to, and commits that before anything is done', () => {
    const progress = new PartitionProgress('order-placed', 0, { id: 'reset', offset: 5n });
    progress.highWatermark = 20n;
    expect(progress.position).toBe('5');
    expect(progress.moved).toBe(true);
    expect(progress.isCommitted).toBe(false);
    expect(progress.lag.events).toBe(15);
    progress.committed('5');
    expect(progress.moved).toBe(false);
    expect(progress.isCommitted).toBe(true);
    progress.accept('5').done();
    expect(progress.position).toBe('6');
  });

  it('steps over gaps in the offsets, and counts beyond 2^53', () => {
    const progress = progressAt();
    progress.accept('9007199254740993').done();
    progress.accept('9007199254740999').done();
    expect(progress.position).toBe('9007199254741000');
  });

  it('knows how far it is behind', () => {
    const progress = progressAt();
    progress.highWatermark = 20n;
    expect(progress.lag).toEqual({ events: 0, seconds: 0 });
    const { done } = progress.accept('15', Date.now() - 60_000);
    progress.accept('16');
    expect(progress.lag.events).toBe(5);
    expect(progress.lag.seconds).toBeGreaterThanOrEqual(60);
    done();
    expect(progress.lag.events).toBe(4);
  });

  describe('with messages that are not due yet', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    it('starts each when it is due, in order, without looking in between', () => {
      const progress = progressAt();
      const started: string[] = [];
      const now = Date.now();
      progress.whenDue(0, () => started.push('at once'));
      progress.whenDue(now + 5_000, () => started.push('first'));
      progress.whenDue(now + 1_000, () => started.push('second'));
      expect(jest.getTimerCount()).toBe(1);
      jest.advanceTimersByTime(4_999);
      expect(started).toEqual(['at once']);
      jest.advanceTimersByTime(1);
      expect(started).toEqual(['at once', 'first', 'second']);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('starts nothing more once it is given up', () => {
      const progress = progressAt();
      const start = jest.fn();
      progress.whenDue(Date.now() + 1_000, start);
      expect(progress.givenUp.aborted).toBe(false);
      progress.giveUp();
      expect(progress.givenUp.aborted).toBe(true);
      jest.advanceTimersByTime(10_000);
      expect(start).not.toHaveBeenCalled();
    });
  });

  it('suspects what was there at its first fetch of having been begun before, until something is committed', () => {
    const progress = new PartitionProgress('order-placed', 0);
    progress.highWatermark = 1_000n;
    const first = progress.accept('400');
    expect(first.suspect).toBe(true);
    for (let offset = 401; offset < 900; offset += 1) expect(progress.accept(String(offset)).suspect).toBe(true);
    first.done();
    progress.committed(progress.position!);
    expect(progress.accept('900').suspect).toBe(false);

    const other = new PartitionProgress('order-placed', 1);
    other.highWatermark = 6n;
    expect(other.accept('4').suspect).toBe(true);
    other.highWatermark = 9n;
    expect(['5', '6'].map((offset) => other.accept(offset).suspect)).toEqual([true, false]);
  });

  it('suspects what comes after a reset, though that is committed before anything is done', () => {
    const progress = new PartitionProgress('order-placed', 0, { id: 'reset', offset: 500n });
    progress.committed('500');
    progress.highWatermark = 1_000n;
    const { suspect, done } = progress.accept('500');
    expect(suspect).toBe(true);
    done();
    progress.committed(progress.position!);
    expect(progress.accept('501').suspect).toBe(false);
  });
});
