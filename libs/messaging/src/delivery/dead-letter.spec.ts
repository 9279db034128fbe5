import { deadLetterOf, withoutSecrets } from './dead-letter';

const message = {
  topic: 'order-placed',
  partition: 3,
  offset: '41',
  key: Buffer.from('key'),
  value: Buffer.from([1, 2, 3]),
  headers: { ce_id: Buffer.from('id'), twice: [Buffer.from('a'), Buffer.from('b')] },
};

describe('a dead letter (D6)', () => {
  it('keeps key, value and headers and says where it comes from and why', () => {
    const error = new TypeError('x is not a function');

    const { id, record } = deadLetterOf(message, 'shipping', { reason: 'FAILED', error, attempts: 4, firstFailedAt: new Date(0) });

    expect(id).toBe('shipping/order-placed/3/41/dlq');
    expect(record).toMatchObject({ topic: 'shipping.dlq', key: message.key, value: message.value });
    expect(record.headers).toMatchObject({
      ...message.headers,
      pt_consumer: 'shipping',
      pt_source_topic: 'order-placed',
      pt_source_partition: '3',
      pt_source_offset: '41',
      pt_reason: 'FAILED',
      pt_attempts: '4',
      pt_first_failed_at: '1970-01-01T00:00:00.000Z',
      pt_error_class: 'TypeError',
      pt_error_message: 'x is not a function',
      pt_error_stack: expect.stringContaining('dead-letter.spec') as string,
    });
  });

  it('takes anything that was thrown', () => {
    const { record } = deadLetterOf(message, 'shipping', { reason: 'FAILED', error: 'just text', attempts: 1, firstFailedAt: new Date() });

    expect(record.headers['pt_error_message']).toBe('just text');
  });

  it.each([
    ['connect postgres://orders:hunter2@db:5432/orders failed', 'connect postgres://orders:[redacted]@db:5432/orders failed'],
    ['{"password":"hunter2","user":"ada"}', '{"password":[redacted],"user":"ada"}'],
    ['Authorization: Bearer abc.def.ghi', 'Authorization: [redacted]'],
    ['token=tok_visa, amount=5', 'token=[redacted], amount=5'],
    ['api_key: 12345', 'api_key: [redacted]'],
    ['nothing to hide', 'nothing to hide'],
  ])('tells no secret: %s (P3)', (text, told) => {
    expect(withoutSecrets(text)).toBe(told);
  });
});
