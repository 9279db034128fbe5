import { compare } from './shadow';

describe('a comparison', () => {
  it('names the fields that differ or are missing on one side', () => {
    expect(compare({ a: '1', b: '2', c: '3' }, { a: '1', b: 'x', d: '4' })).toEqual({ different: ['b', 'c', 'd'] });
    expect(compare({ a: '1' }, { a: '1' })).toBe('same');
    expect(compare({ a: '1' }, new TypeError('secret'))).toEqual({ failed: 'TypeError' });
  });
});
