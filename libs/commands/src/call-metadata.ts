import { Metadata, status } from '@grpc/grpc-js';
import { newId } from '@past-tense/envelope';
import type { TraceHeaders } from '@past-tense/telemetry';
import { plainText, REASONS, StatusError } from './status';

const AUTHORIZATION = 'authorization';
const COMMAND_ID = 'command-id';
const CORRELATION_ID = 'correlation-id';
const CAUSATION_ID = 'causation-id';
const ON_BEHALF_OF = 'on-behalf-of';
// What an OpenID Connect subject may have, https://openid.net/specs/openid-connect-core-1_0.html#IDToken
const MAX_ON_BEHALF_OF = 255;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** What travels beside the request of a command. */
export interface CallMetadata {
  readonly token: string;
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: string | undefined;
  readonly onBehalfOf?: string | undefined;
  readonly trace?: TraceHeaders | undefined;
}

/** Writes what travels beside a request as gRPC metadata. */
export function writeMetadata({ token, commandId, correlationId, causationId, onBehalfOf, trace }: CallMetadata): Metadata {
  const metadata = new Metadata();
  metadata.set(AUTHORIZATION, `Bearer ${token}`);
  metadata.set(COMMAND_ID, commandId);
  metadata.set(CORRELATION_ID, correlationId);
  if (causationId) metadata.set(CAUSATION_ID, causationId);
  // gRPC allows printable ASCII alone.
  if (onBehalfOf) metadata.set(ON_BEHALF_OF, encodeURIComponent(plainText(onBehalfOf)));
  if (trace) metadata.set('traceparent', trace.traceparent);
  if (trace?.tracestate) metadata.set('tracestate', trace.tracestate);
  return metadata;
}

/** The bearer token of a call (RFC 6750), or undefined if it has none. */
export function tokenOf(metadata: Metadata): string | undefined {
  const values = metadata.get(AUTHORIZATION);
  // Two tokens are none: nobody could say which one was meant.
  return values.length === 1 ? /^Bearer +([^\s,]+)$/i.exec(String(values[0]))?.[1] : undefined;
}

/** The trace that a call belongs to, if it names one. */
export function traceOfCall(metadata: Metadata): TraceHeaders | undefined {
  const traceparent = textOf(metadata, 'traceparent');
  return traceparent === undefined ? undefined : { traceparent, tracestate: textOf(metadata, 'tracestate') };
}

/** The caller's correlation id if it is a UUID, a new one otherwise. */
export function correlationIdOf(metadata: Metadata): string {
  return uuidOf(metadata, CORRELATION_ID) ?? newId();
}

/** The id of what made the caller send the command, if it is named and a UUID. */
export function causationIdOf(metadata: Metadata): string | undefined {
  return uuidOf(metadata, CAUSATION_ID);
}

/** The command id, if there is one and it is a UUID. */
export function commandIdOf(metadata: Metadata): string | undefined {
  return metadata.get(COMMAND_ID).length === 1 ? uuidOf(metadata, COMMAND_ID) : undefined;
}

/**
 * Whom the caller sent the command for.
 * @throws StatusError if it is too long
 */
export function onBehalfOfCall(metadata: Metadata): string | undefined {
  const raw = textOf(metadata, ON_BEHALF_OF);
  if (raw === undefined || raw === '') return undefined;
  const text = decoded(raw);
  if (text.length <= MAX_ON_BEHALF_OF) return text;
  throw new StatusError(
    status.INVALID_ARGUMENT,
    REASONS.invalidMetadata,
    `The metadata "${ON_BEHALF_OF}" may have ${MAX_ON_BEHALF_OF} characters at most.`,
  );
}

/**
 * Refuses a text that would not be taken at the other end, where the code that wrote it can still be told.
 * @throws RangeError if it is too long
 */
export function requireOnBehalfOf(text: string | undefined): void {
  if (text !== undefined && text.length > MAX_ON_BEHALF_OF)
    throw new RangeError(`onBehalfOf may have ${MAX_ON_BEHALF_OF} characters at most; this has ${text.length}.`);
}

function decoded(text: string): string {
  try {
    // PostgreSQL keeps no zero character.
    return decodeURIComponent(text).replaceAll('\0', '');
  } catch {
    return text;
  }
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

function uuidOf(metadata: Metadata, name: string): string | undefined {
  const text = textOf(metadata, name);
  return text !== undefined && UUID.test(text) ? text.toLowerCase() : undefined;
}
