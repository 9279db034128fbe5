import { PartitionProgress } from './partition-progress';

describe('the progress of a partition', () => {
  it('moves only to the first message that is not done', () => {
    const progress = new PartitionProgress();
    const [first, second, third] = ['10', '11', '12'].map((offset) => progress.accept(offset));

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
    const progress = new PartitionProgress();
    expect(progress.moved).toBe(false);
    progress.accept('7')();
    expect(progress.moved).toBe(true);
    progress.committed('8');
    expect(progress.moved).toBe(false);
  });

  it('steps over gaps in the offsets, and counts beyond 2^53', () => {
    const progress = new PartitionProgress();
    progress.accept('9007199254740993')();
    progress.accept('9007199254740999')();
    expect(progress.position).toBe('9007199254741000');
  });
});
