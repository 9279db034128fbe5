import { trace, ROOT_CONTEXT, type SpanContext } from '@opentelemetry/api';
import type { KafkaHeaders } from '@past-tense/envelope';
import type { KafkaRecord } from '@past-tense/outbox';
import { contextOf } from '@past-tense/telemetry';
import { SOURCE, type Place } from '../retry/ordered-retry';
import type { Message, Origin, Replayed } from './message';

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
  readonly replayed?: Replayed | undefined;
}

const PREFIX = 'pt_';
const SMALL = /^\d{1,9}$/;
const LARGE = /^\d{1,18}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The headers of a moved message: those it came with, and those that say why it is there. */
export function withAdded(headers: KafkaHeaders, added: Added): KafkaRecord['headers'] {
  const texts: Record<string, string | undefined | null> = {
    consumer: added.consumer,
    place: added.place,
    copy: String(added.copy),
    ...originTexts(added.origin),
    reason: added.reason,
    attempts: String(added.attempts),
    first_failed_at: added.firstFailedAt?.toISOString(),
    last_failed_at: added.lastFailedAt?.toISOString(),
    due_at: added.dueAt?.toISOString(),
    error_class: added.errorClass,
    error_message: added.errorMessage,
    error_stack: added.errorStack,
    attempt_trace: added.attemptTrace,
    ...(added.replayed && replayTexts(added.replayed)),
  };
  return withTexts(headers, texts);
}

/** The headers of a message that is fed to a consumer again: those it came with, where it was, and for which replay that is done. */
export function withReplay(headers: KafkaHeaders, origin: Origin, replayed: Replayed): KafkaRecord['headers'] {
  return withTexts(headers, { ...originTexts(origin), ...replayTexts(replayed) });
}

/**
 * Takes off again what feeding a message added to it.
 * @returns undefined if it was not fed by a replay
 */
export function withoutReplay(headers: KafkaHeaders): (Pick<Message, 'origin' | 'headers'> & { replayed: Replayed }) | undefined {
  const origin = originOf(headers);
  const replayed = replayedOf(headers);
  return origin && replayed && { origin, replayed, headers: withoutPrefix(headers) };
}

function withTexts(headers: KafkaHeaders, texts: Record<string, string | undefined | null>): KafkaRecord['headers'] {
  const filled = Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    ...(withoutPrefix(headers) as KafkaRecord['headers']),
    ...Object.fromEntries(filled.map(([name, value]) => [PREFIX + name, value])),
  };
}

function originTexts({ topic, partition, offset }: Origin): Record<string, string> {
  return { source_topic: topic, source_partition: String(partition), source_offset: offset };
}

function replayTexts({ replayId, generation }: Replayed): Record<string, string | undefined> {
  return { replay_id: replayId, generation: generation?.toString() };
}

function textIn(headers: KafkaHeaders, name: string): string | undefined {
  return headers[PREFIX + name] === undefined ? undefined : String(headers[PREFIX + name]);
}

function originOf(headers: KafkaHeaders): Origin | undefined {
  const [topic, partition, offset] = ['source_topic', 'source_partition', 'source_offset'].map((name) => textIn(headers, name));
  if (!topic || !SMALL.test(partition ?? '') || !LARGE.test(offset ?? '')) return undefined;
  return { topic, partition: Number(partition), offset: offset! };
}

function replayedOf(headers: KafkaHeaders): Replayed | undefined {
  const [replayId, generation] = ['replay_id', 'generation'].map((name) => textIn(headers, name));
  if (!UUID.test(replayId ?? '') || !SMALL.test(generation ?? '0')) return undefined;
  return { replayId: replayId!, ...(generation !== undefined && { generation: Number(generation) }) };
}

/**
 * Takes what was added to a moved message off again.
 * @returns undefined if the message was never moved by this consumer
 */
export function withoutAdded(headers: KafkaHeaders): (Omit<Message, 'arrived' | 'from' | 'key' | 'value'> & { from?: Place }) | undefined {
  const text = (name: string) => textIn(headers, name);
  const origin = originOf(headers);
  const small = [text('copy'), text('attempts') ?? '0'];
  if (!origin || !small.every((number) => SMALL.test(number ?? ''))) return undefined;
  const first = new Date(text('first_failed_at') ?? Number.NaN);
  return {
    origin,
    copy: Number(text('copy')),
    // It is to be looked at as if it had just come.
    ...(text('place') === SOURCE && { from: SOURCE }),
    headers: withoutPrefix(headers),
    attempts: Number(text('attempts') ?? 0),
    dueMs: Date.parse(text('due_at') ?? '') || 0,
    firstFailedAt: Number.isNaN(first.getTime()) ? undefined : first,
    linked: spanOf(text('attempt_trace')),
    replayed: replayedOf(headers),
  };
}

/** Names with our prefix are ours; a message that came with one must not pass for one that was moved. */
function withoutPrefix(headers: KafkaHeaders): KafkaHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(PREFIX)));
}

function spanOf(traceparent: string | undefined): SpanContext | undefined {
  return traceparent ? trace.getSpanContext(contextOf({ traceparent }, ROOT_CONTEXT)) : undefined;
}
