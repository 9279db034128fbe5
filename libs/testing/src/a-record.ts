import { encode, routeOf, type Fact } from '@past-tense/contracts';
import { newId, toHeaders, type Envelope } from '@past-tense/envelope';
import { randomBytes } from 'node:crypto';

export type RecordOverrides = Partial<Envelope>;

/** A fact as another service would have published it: key, framed value and all headers. */
export function aRecord(
  fact: Fact,
  overrides: RecordOverrides = {},
): { topic: string; key: string; value: Buffer; headers: Record<string, string> } {
  const { topic, key } = routeOf(fact);
  const now = new Date().toISOString();
  const headers = toHeaders({
    eventId: newId(),
    eventType: topic.eventType,
    schemaVersion: 1,
    schemaOwner: topic.owner,
    dataSchema: `urn:past-tense:schema:${topic.name}-value:1`,
    aggregateId: key,
    aggregateVersion: 1,
    correlationId: newId(),
    causationId: newId(),
    occurredAt: now,
    publishedAt: now,
    producer: { name: topic.producer, version: '1.0.0' },
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    ...overrides,
  });
  return { topic: topic.name, key, value: encode(fact.type, fact.data, 1), headers };
}
