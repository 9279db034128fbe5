import { newId } from '@past-tense/envelope';
import { effectiveVersion } from './stage';

const share = (percent: number, ids: readonly string[]) =>
  ids.filter((id) => effectiveVersion({ kind: 'canary', old: 1, version: 2, percent }, id, [1, 2]) === 2);

describe('the version that takes effect (S4)', () => {
  it('is one for everybody before and after the change, and the old one beside a shadow', () => {
    expect(effectiveVersion({ kind: 'only', version: 1 }, newId(), [1, 2])).toBe(1);
    expect(effectiveVersion({ kind: 'only', version: 2 }, newId(), [1, 2])).toBe(2);
    expect(effectiveVersion({ kind: 'shadow', old: 1, version: 2 }, newId(), [1, 2])).toBe(1);
  });

  it('is one that was published: the newest before the one that is wanted, or the oldest', () => {
    expect(effectiveVersion({ kind: 'only', version: 2 }, newId(), [1, 3])).toBe(1);
    expect(effectiveVersion({ kind: 'shadow', old: 2, version: 3 }, newId(), [1, 3])).toBe(1);
    expect(effectiveVersion({ kind: 'only', version: 1 }, newId(), [2, 3])).toBe(2);
  });

  it('is the new one for about the share of a canary, and for whom it was once it stays so while the share grows', () => {
    const ids = Array.from({ length: 2_000 }, newId);

    expect(share(0, ids)).toEqual([]);
    expect(share(100, ids)).toEqual(ids);
    expect(share(10, ids).length).toBeGreaterThan(100);
    expect(share(10, ids).length).toBeLessThan(320);
    expect(share(50, ids)).toEqual(expect.arrayContaining(share(10, ids)));
  });
});
