import { toJson } from '@bufbuild/protobuf';
import { decode, topicOfType } from '@past-tense/contracts';
import type { DeadLetters, DeadLetterGroup, HeldEvent } from '@past-tense/messaging';

/** A letter as a person wants to see it, and JSON can hold it. */
export function describe(
  letter: HeldEvent,
  consumer: string,
  actions: Awaited<ReturnType<DeadLetters['actions']>>,
): Record<string, unknown> {
  const { message, traceparent, ...held } = letter;
  return {
    id: held.eventId,
    consumer,
    owner: ownerOf(held.eventType),
    eventType: held.eventType,
    reason: held.reason,
    aggregateId: held.aggregateId,
    version: held.version,
    attempts: held.attempts,
    firstFailedAt: held.firstFailedAt,
    lastFailedAt: held.lastFailedAt,
    source: `${message.origin.topic}, partition ${message.origin.partition}, offset ${message.origin.offset}`,
    correlationId: held.correlationId,
    traceId: traceparent?.split('-')[1] ?? null,
    error: `${held.errorClass}: ${held.errorMessage}`,
    stack: held.errorStack,
    key: message.key?.toString() ?? null,
    payload: payloadOf(letter),
    headers: Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)])),
    actions,
  };
}

/** The payload in words if it can be read, and its bytes if not. */
function payloadOf({ eventType, message }: HeldEvent): unknown {
  if (message.value === null) return null;
  const topic = eventType === null ? undefined : topicOfType(eventType);
  try {
    if (topic) return toJson(topic.event, decode(topic.event, message.value));
  } catch {
    // Its bytes say more than nothing.
  }
  return { undecodable: true, bytes: message.value.length, base64: message.value.toString('base64').slice(0, 2_000) };
}

function ownerOf(eventType: string | null): string | null {
  return (eventType === null ? undefined : topicOfType(eventType)?.owner) ?? null;
}

/** Groups as a table. */
export function table(groups: readonly DeadLetterGroup[]): string {
  const heads = ['CONSUMER', 'EVENT TYPE', 'REASON', 'COUNT', 'FIRST', 'LAST', 'OWNER'];
  const rows = groups.map((group) => [
    group.consumer,
    group.eventType ?? '(unknown)',
    group.reason,
    String(group.count),
    group.first.toISOString(),
    group.last.toISOString(),
    ownerOf(group.eventType) ?? '-',
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  return [heads, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A description as lines of text. */
export function lines(description: Record<string, unknown>): string {
  return Object.entries(description)
    .map(([name, value]) => {
      if (value instanceof Date) return `${name.padEnd(14)} ${value.toISOString()}`;
      if (typeof value === 'object' && value !== null) return `${name}\n${JSON.stringify(value, null, 2)}`;
      const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
      return text.includes('\n') ? `${name}\n${text}` : `${name.padEnd(14)} ${text}`;
    })
    .join('\n');
}
