import { InvalidPayloadError, UndecodableError } from '@past-tense/contracts';
import { OutsideDedupWindowError } from '@past-tense/dedup';
import { EnvelopeError } from '@past-tense/envelope';
import { classify, InvalidEventError } from './failure';

describe('what an error means', () => {
  it.each([
    [new InvalidEventError('x'), 'invalid'],
    [new EnvelopeError('ce_id', 'is missing'), 'invalid'],
    [new UndecodableError('x'), 'invalid'],
    [new InvalidPayloadError('x'), 'invalid'],
    [new OutsideDedupWindowError('x'), 'invalid'],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'unavailable'],
    [Object.assign(new Error('x'), { code: '57P01' }), 'unavailable'],
    [Object.assign(new Error('deadlock detected'), { code: '40P01' }), 'conflict'],
    [new Error('Connection terminated unexpectedly'), 'unavailable'],
    [Object.assign(new Error('x'), { failure: 'unavailable' }), 'unavailable'],
    [Object.assign(new Error('x'), { failure: 'invalid' }), 'invalid'],
    [Object.assign(new Error('x'), { failure: 'nonsense' }), 'failed'],
    [Object.assign(new Error('duplicate key'), { code: '23505' }), 'failed'],
    [new TypeError('x is not a function'), 'failed'],
    [undefined, 'failed'],
    ['text', 'failed'],
  ])('%s is %s', (error, kind) => {
    expect(classify(error)).toBe(kind);
  });
});
