import { describeError, withoutSecrets } from './secrets';

describe('what is kept of an error (P3)', () => {
  it.each([
    ['connect postgres://orders:hunter2@db:5432/orders failed', 'connect postgres://orders:[redacted]@db:5432/orders failed'],
    ['{"password":"hunter2","user":"ada"}', '{"password":[redacted],"user":"ada"}'],
    ['Authorization: Bearer abc.def.ghi', 'Authorization: [redacted]'],
    ['token=tok_visa, amount=5', 'token=[redacted], amount=5'],
    ['api_key: 12345', 'api_key: [redacted]'],
    ['nothing to hide', 'nothing to hide'],
  ])('tells no secret: %s', (text, told) => {
    expect(withoutSecrets(text)).toBe(told);
  });

  it('names its class and where it was thrown, whatever was thrown', () => {
    expect(describeError(new TypeError('x is not a function'))).toEqual({
      errorClass: 'TypeError',
      errorMessage: 'x is not a function',
      errorStack: expect.stringContaining('secrets.spec') as string,
    });
    expect(describeError('just text').errorMessage).toBe('just text');
    expect(describeError(undefined).errorMessage).toBe('undefined');
  });

  it('is bounded', () => {
    expect(describeError(new Error('x'.repeat(1e6))).errorMessage.length).toBeLessThan(3_000);
  });
});
