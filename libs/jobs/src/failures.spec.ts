import { Failures, TIMED_OUT } from './failures';

const failures = new Failures({ declined: { meaning: 'The payment was declined.', action: 'Pay otherwise.' } });

describe('the catalogue of failures', () => {
  it('says what a code means unless something is known about the case', () => {
    expect(failures.detail('declined')).toBe('The payment was declined.');
    expect(failures.detail('declined', 'The card has expired.')).toBe('The card has expired.');
  });

  it('refuses a code that it does not have, and that of the library', () => {
    expect(() => failures.detail('unknown')).toThrow('unknown is not a failure code of this service');
    expect(() => failures.detail('toString')).toThrow('not a failure code');
    expect(() => failures.detail(TIMED_OUT)).toThrow('not a failure code');
  });

  it('takes every text that PostgreSQL does not', () => {
    expect(failures.detail('declined', 'a\0b\uD800')).toBe('a\uFFFDb\uFFFD');
    expect(failures.detail('declined', 'x'.repeat(5_000))).toHaveLength(1_000);
  });

  it('shows what can be done, for a code that was given up as well', () => {
    expect(failures.show('declined', 'why')).toEqual({ code: 'declined', detail: 'why', action: 'Pay otherwise.' });
    expect(failures.show(TIMED_OUT, 'why').action).toMatch(/^Look at/);
    expect(failures.show('constructor', 'why').action).toBe('Quote the correlation id to support.');
  });

  it.each(['Declined', 'payment_declined', '', 'a--b'])('refuses the code "%s"', (code) => {
    expect(() => new Failures({ [code]: { meaning: '', action: '' } })).toThrow('must be in kebab-case');
  });

  it('refuses to take over the code of the library', () => {
    expect(() => new Failures({ [TIMED_OUT]: { meaning: '', action: '' } })).toThrow('belongs to @past-tense/jobs');
  });
});
