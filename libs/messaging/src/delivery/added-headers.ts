import { trace, ROOT_CONTEXT, type SpanContext } from '@opentelemetry/api';
import type { KafkaHeaders } from '@past-tense/envelope';
import type { KafkaRecord } from '@past-tense/outbox';
import { contextOf } from '@past-tense/telemetry';
import { SOURCE, type Place } from '../retry/ordered-retry';
import type { Message, Origin } from './message';

/** Why an event is dead. */
export const DEATH_REASONS = ['INVALID', 'UNKNOWN_VALUE', 'FAILED', 'GAP', 'CRASHED'] as const;
/** Why an event was moved: because it is dead, or because it waits for another one. */
export type Reason = (typeof DEATH_REASONS)[number] | 'EARLY' | 'BEHIND';

/** What a move adds to a message, as headers with the prefix `pt_`. docs/envelope.md is the reference. */
export interface Added {
  readonly consumer: string;
  readonly place: Place;
  readonly copy: number;
  readonly origin: Origin;
  readonly reason: Reason;
  readonly attempts: number;
  readonly firstFailedAt?: Date | null | undefined;
  readonly lastFailedAt?: Date | null | undefined;
  readonly dueAt?: Date | null | undefined;
  readonly errorClass?: string | null | undefined;
  readonly errorMessage?: string | null | undefined;
  readonly errorStack?: string | null | undefined;
  /** W3C trace context of the last attempt, to link the next one to it. */
  readonly attemptTrace?: string | undefined;
}

const PREFIX = 'pt_';
const SMALL = /^\d{1,9}$/;
const LARGE = /^\d{1,18}$/;

/** The headers of a moved message: those it came with, and those that say why it is there. */
export function withAdded(headers: KafkaHeaders, added: Added): KafkaRecord['headers'] {
  const { origin } = added;
  const texts: Record<string, string | undefined | null> = {
    consumer: added.consumer,
    place: added.place,
    copy: String(added.copy),
    source_topic: origin.topic,
    source_partition: String(origin.partition),
    source_offset: origin.offset,
    reason: added.reason,
    attempts: String(added.attempts),
    first_failed_at: added.firstFailedAt?.toISOString(),
    last_failed_at: added.lastFailedAt?.toISOString(),
    due_at: added.dueAt?.toISOString(),
    error_class: added.errorClass,
    error_message: added.errorMessage,
    error_stack: added.errorStack,
    attempt_trace: added.attemptTrace,
  };
  const filled = Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    ...(withoutPrefix(headers) as KafkaRecord['headers']),
    ...Object.fromEntries(filled.map(([name, value]) => [PREFIX + name, value])),
  };
}

/**
 * Takes what was added to a moved message off again.
 * @returns undefined if the message was never moved by this consumer
 */
export function withoutAdded(
  headers: KafkaHeaders,
): (Pick<Message, 'origin' | 'copy' | 'headers' | 'attempts' | 'dueMs' | 'firstFailedAt' | 'linked'> & { from?: Place }) | undefined {
  const text = (name: string) => (headers[PREFIX + name] === undefined ? undefined : String(headers[PREFIX + name]));
  const [topic, partition, offset, copy] = ['source_topic', 'source_partition', 'source_offset', 'copy'].map(text);
  const small = [partition, copy, text('attempts') ?? '0'];
  if (!topic || !small.every((number) => SMALL.test(number ?? '')) || !LARGE.test(offset ?? '')) return undefined;
  const first = new Date(text('first_failed_at') ?? Number.NaN);
  return {
    origin: { topic, partition: Number(partition), offset: offset! },
    copy: Number(copy),
    // It is to be looked at as if it had just come.
    ...(text('place') === SOURCE && { from: SOURCE }),
    headers: withoutPrefix(headers),
    attempts: Number(text('attempts') ?? 0),
    dueMs: Date.parse(text('due_at') ?? '') || 0,
    firstFailedAt: Number.isNaN(first.getTime()) ? undefined : first,
    linked: spanOf(text('attempt_trace')),
  };
}

/** Names with our prefix are ours; a message that came with one must not pass for one that was moved. */
function withoutPrefix(headers: KafkaHeaders): KafkaHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(PREFIX)));
}

function spanOf(traceparent: string | undefined): SpanContext | undefined {
  return traceparent ? trace.getSpanContext(contextOf({ traceparent }, ROOT_CONTEXT)) : undefined;
}
