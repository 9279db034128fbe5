import { newId, toHeaders } from '@past-tense/envelope';
import { randomBytes } from 'node:crypto';
import { VALUE_BYTES } from './outbox-rows';

/** A message as the relay sends it: the same key, value and headers. */
export interface MemoryRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
}

/** Messages in memory, such as the relay makes of rows. */
export function memoryRecords(count: number, aggregates: number): MemoryRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `019aa000-0000-7000-8000-${(i % aggregates).toString(16).padStart(12, '0')}`;
    const now = new Date().toISOString();
    const headers = toHeaders({
      eventId: newId(),
      eventType: 'order.v1.OrderPlaced',
      schemaVersion: 1,
      schemaOwner: 'ordering',
      dataSchema: 'urn:past-tense:schema:order-placed-value:1',
      aggregateId: key,
      aggregateVersion: 1 + Math.floor(i / aggregates),
      correlationId: newId(),
      causationId: newId(),
      occurredAt: now,
      publishedAt: now,
      producer: { name: 'orders', version: '1.0.0' },
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    });
    return { key, value: randomBytes(VALUE_BYTES), headers };
  });
}
