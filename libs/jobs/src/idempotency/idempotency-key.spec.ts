import { fingerprintOf, parseIdempotencyKey } from './idempotency-key';

describe('an Idempotency-Key', () => {
  it.each([
    ['"8e03978e-40d5"', '8e03978e-40d5'],
    ['8e03978e-40d5', '8e03978e-40d5'],
    ['  "abc"  ', 'abc'],
    [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    [String.raw`a\b`, String.raw`a\b`],
    ['"!#[]~,;="', '!#[]~,;='],
    [`"${'k'.repeat(255)}"`, 'k'.repeat(255)],
  ])('%s is the key %s', (header, key) => {
    expect(parseIdempotencyKey(header)).toBe(key);
  });

  it.each([
    '',
    '   ',
    '""',
    '"',
    '"abc',
    'abc"',
    'a b',
    '"a b"',
    'one, two',
    '"one", "two"',
    String.raw`"a\b"`,
    'schlüssel',
    '"a\tb"',
    'a\u0000',
    'k'.repeat(256),
  ])('cannot be %j', (header) => {
    expect(() => parseIdempotencyKey(header)).toThrow(expect.objectContaining({ status: 400 }) as Error);
  });
});

describe('the fingerprint of a request', () => {
  const request = { method: 'POST', path: '/orders', body: { a: 1, b: [{ c: 'x', d: null }] } };
  const same = (other: Partial<typeof request> | { body: unknown }) =>
    fingerprintOf({ ...request, ...other }).equals(fingerprintOf(request));

  it('does not depend on how the JSON is written', () => {
    expect(same({ body: JSON.parse('{ "b": [ {"d":null, "c":"\\u0078"} ],\n "a": 1.0 }') as unknown })).toBe(true);
    expect(same({ method: 'post' })).toBe(true);
  });

  it.each([
    { method: 'PUT' },
    { path: '/orders/1' },
    { body: { a: '1', b: [{ c: 'x', d: null }] } },
    { body: { a: 1, b: [{ c: 'x' }] } },
    { body: { a: 1, b: [{ c: 'x', d: null }, 0] } },
    { body: undefined },
    { body: JSON.parse('{"a":1,"b":[{"c":"x","d":null}],"__proto__":{}}') as unknown },
  ])('is another one for %j', (other) => {
    expect(same(other)).toBe(false);
  });

  it('keeps lists in their order', () => {
    expect(fingerprintOf({ ...request, body: [1, 2] }).equals(fingerprintOf({ ...request, body: [2, 1] }))).toBe(false);
  });
});
