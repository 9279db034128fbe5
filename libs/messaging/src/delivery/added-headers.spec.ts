import { withAdded, withoutAdded, type Added } from './added-headers';

const added: Added = {
  consumer: 'shipping',
  place: 'retry-5s',
  copy: 2,
  origin: { topic: 'order-placed', partition: 3, offset: '41' },
  reason: 'FAILED',
  attempts: 4,
  firstFailedAt: new Date('2026-11-20T08:00:00Z'),
  lastFailedAt: new Date('2026-11-20T08:00:01Z'),
  dueAt: new Date('2026-11-20T08:00:06Z'),
  errorClass: 'TypeError',
  errorMessage: 'x is not a function',
  errorStack: 'TypeError: …',
  attemptTrace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const original = { ce_id: Buffer.from('id'), twice: [Buffer.from('a'), Buffer.from('b')] };

describe('what a move adds to a message (D6)', () => {
  it('says where it comes from, why it is there and when it is due', () => {
    expect(withAdded(original, added)).toEqual({
      ...original,
      pt_consumer: 'shipping',
      pt_place: 'retry-5s',
      pt_copy: '2',
      pt_source_topic: 'order-placed',
      pt_source_partition: '3',
      pt_source_offset: '41',
      pt_reason: 'FAILED',
      pt_attempts: '4',
      pt_first_failed_at: '2026-11-20T08:00:00.000Z',
      pt_last_failed_at: '2026-11-20T08:00:01.000Z',
      pt_due_at: '2026-11-20T08:00:06.000Z',
      pt_error_class: 'TypeError',
      pt_error_message: 'x is not a function',
      pt_error_stack: 'TypeError: …',
      pt_attempt_trace: added.attemptTrace,
    });
  });

  it('is taken off again, and the message is as it came', () => {
    expect(withoutAdded(withAdded(original, added))).toMatchObject({
      origin: added.origin,
      copy: 2,
      headers: original,
      attempts: 4,
      dueMs: added.dueAt!.getTime(),
      firstFailedAt: added.firstFailedAt,
    });
  });

  it('is missing from a message that nobody moved', () => {
    expect(withoutAdded(original)).toBeUndefined();
    expect(withoutAdded({ ...withAdded(original, added), pt_copy: 'many' })).toBeUndefined();
  });
});
