import { evaluate } from './evaluate';

describe('the longest text that a pattern lets through', () => {
  it.each([
    ['^[A-Z]{3}$', 3],
    ['^a?b$', 2],
    ['^(ab|cde){2,3}$', 9],
    ['^(?:\\d{4}-){2}x$', 11],
    ['^\\+[0-9]{1,15}$', 16],
    ['^é$', 2],
    ['^.{2}$', 8],
    ['^[^a]$', 4],
    ['^[]a]{2}$', 2],
  ])('%s', (pattern, bytes) => {
    expect(evaluate('gate/checks/longest-match.mjs', `module.longestMatch(${JSON.stringify(pattern)})`)).toBe(bytes);
  });

  it('is none where it has no end, or none that is understood', () => {
    const patterns = [
      '[A-Z]{3}',
      '^[A-Z]{3}',
      '^a*$',
      '^a+$',
      '^a{2,}$',
      '^(a+)$',
      '^a|b$',
      '^a\\$',
      '^(?i:a)$',
      '^(a',
      '^\\pL$',
      '^(?i)a$',
    ];

    expect(
      evaluate('gate/checks/longest-match.mjs', `${JSON.stringify(patterns)}.filter((one) => module.longestMatch(one) !== Infinity)`),
    ).toEqual([]);
  });
});

describe('validation rules', () => {
  const rules: readonly (readonly [string, object, object, 'stricter' | 'looser' | 'the same'])[] = [
    ['a higher limit', { int64: { lte: '9007199254740991' } }, { int64: { lte: '9007199254740992' } }, 'looser'],
    ['a lower limit', { int64: { lte: '9007199254740992' } }, { int64: { lte: '9007199254740991' } }, 'stricter'],
    ['an exclusive limit that says the same', { int32: { lte: 10 } }, { int32: { lt: 11 } }, 'the same'],
    ['an exact length for two limits', { string: { minLen: '3', maxLen: '3' } }, { string: { len: '3' } }, 'the same'],
    ['no shortest length', { string: {} }, { string: { minLen: '0' } }, 'the same'],
    ['one value of several', { string: { in: ['a', 'b'] } }, { string: { const: 'a' } }, 'stricter'],
    ['several values for one', { enum: { const: 1 } }, { enum: { in: [1, 2] } }, 'looser'],
    ['the same values in another order', { enum: { in: [2, 1] } }, { enum: { in: [1, 2] } }, 'the same'],
    ['fewer values refused', { enum: { notIn: [0, 1] } }, { enum: { notIn: [0] } }, 'looser'],
    ['a format', { string: {} }, { string: { email: true } }, 'stricter'],
    ['another format', { string: { uuid: true } }, { string: { tuuid: true } }, 'stricter'],
    ['unique items', {}, { repeated: { unique: true } }, 'stricter'],
    [
      'rules for items',
      { repeated: { items: { string: { maxLen: '9' } } } },
      { repeated: { items: { string: { maxLen: '8' } } } },
      'stricter',
    ],
    ['no check where it is empty', { string: { uuid: true } }, { string: { uuid: true }, ignore: 'IGNORE_IF_ZERO_VALUE' }, 'looser'],
    ['a check where it is empty', { string: { uuid: true }, ignore: 'IGNORE_ALWAYS' }, { string: { uuid: true } }, 'stricter'],
    ['an expression called otherwise', { cel: [{ id: 'a', expression: 'x' }] }, { cel: [{ id: 'b', expression: 'x' }] }, 'the same'],
    ['another expression', { cel: [{ id: 'a', expression: 'x' }] }, { cel: [{ id: 'a', expression: 'y' }] }, 'stricter'],
    ['no expression', { cel: [{ id: 'a', expression: 'x' }] }, {}, 'looser'],
    ['a shorter duration', { duration: { lte: '90s' } }, { duration: { lte: '60.5s' } }, 'stricter'],
    ['an earlier end', { timestamp: { lt: '2030-01-01T00:00:00Z' } }, { timestamp: { lt: '2029-01-01T00:00:00Z' } }, 'stricter'],
    ['a rule of a later protovalidate', {}, { string: { sorted: true } }, 'stricter'],
    ['a range turned round', { int32: { gte: 1, lte: 9 } }, { int32: { gte: 9, lte: 1 } }, 'stricter'],
    ['more outside a range', { int32: { gte: 9, lte: 1 } }, { int32: { gte: 9, lte: 0 } }, 'stricter'],
    ['the same outside of a range', { int32: { gte: 9, lte: 1 } }, { int32: { gt: 8, lt: 2 } }, 'the same'],
    ['nothing about strictness', { string: { wellKnownRegex: 'A', strict: false } }, { string: { wellKnownRegex: 'A' } }, 'stricter'],
    ['strictness said aloud', { string: { wellKnownRegex: 'A' } }, { string: { wellKnownRegex: 'A', strict: true } }, 'the same'],
    ['no strictness', { string: { wellKnownRegex: 'A' } }, { string: { wellKnownRegex: 'A', strict: false } }, 'looser'],
    ['an example', {}, { string: { example: ['a'] } }, 'the same'],
    [
      'one of several fields that is required',
      { oneof: [{ fields: ['a', 'b'] }] },
      { oneof: [{ fields: ['a', 'b'], required: true }] },
      'stricter',
    ],
  ];

  it('are compared by what they let through', () => {
    const compared = evaluate(
      'gate/checks/compare-rules.mjs',
      `${JSON.stringify(rules)}.map(([name, before, after]) => {
         const { tightened, loosened } = module.compareRules(before, after);
         return [name, tightened.length > 0 ? 'stricter' : loosened.length > 0 ? 'looser' : 'the same'];
       })`,
    );

    expect(compared).toEqual(rules.map(([name, , , expected]) => [name, expected]));
  });
});
