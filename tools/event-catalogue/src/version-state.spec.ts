import { deprecationInWords, removableFrom } from './version-state';

describe('a deprecation', () => {
  it.each([
    ['2026-11-21', '2027-02-19'],
    ['2027-12-01', '2028-02-29'],
    ['2026-10-24', '2027-01-22'],
  ])('of %s keeps it until %s, 90 days later', (since, from) => {
    expect(removableFrom(since)).toBe(from);
  });

  it('that is no day promises none', () => {
    expect(deprecationInWords('soon')).toBe('deprecated since soon');
  });
});
