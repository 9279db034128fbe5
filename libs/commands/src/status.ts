import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, StatusSchema, type Violation } from '@past-tense/contracts';

/** Where google.rpc.Status travels, https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md and AIP-193. */
const DETAILS = 'grpc-status-details-bin';
/** The same reason for clients that do not read the details. */
const REASON = 'reason';
/** Seconds after which asking again makes sense, as in HTTP (RFC 9110, 10.2.3). */
const RETRY_AFTER = 'retry-after';
const DOMAIN = 'past-tense.example';
/** Trailers must fit into what clients take (8 KiB by default in several of them). */
const MAX_VIOLATIONS = 20;
const MAX_TEXT = 1_000;

/** What a caller is told at the deadline. A commit that is under way just then can no longer be stopped, so it promises nothing. */
export const TOO_LATE = 'The deadline passed; ask again with the same command id to learn what became of the command.';

/** Reasons this library gives by itself. Each stands for one situation, whatever the status code. */
export const REASONS = {
  unauthenticated: 'UNAUTHENTICATED',
  scopeMissing: 'SCOPE_MISSING',
  callerNotAllowed: 'CALLER_NOT_ALLOWED',
  issuerUnavailable: 'ISSUER_UNAVAILABLE',
  invalidMetadata: 'INVALID_METADATA',
  invalidRequest: 'INVALID_REQUEST',
  commandIdReused: 'COMMAND_ID_REUSED',
  commandInProgress: 'COMMAND_IN_PROGRESS',
  tooManyCalls: 'TOO_MANY_CALLS',
  deadlineExceeded: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  conflict: 'CONFLICT',
  databaseUnavailable: 'DATABASE_UNAVAILABLE',
  internal: 'INTERNAL',
} as const;

/** Ends a call with a status other than OK. The message goes to the caller as it is. */
export class StatusError extends Error {
  override name = 'StatusError';
  /** Milliseconds after which asking again makes sense, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: status,
    readonly reason: string,
    message: string,
    readonly violations: readonly Violation[] = [],
    options: ErrorOptions & { readonly retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A text as both gRPC and PostgreSQL take it: not too long, without half characters and zeros. */
export function plainText(text: string): string {
  return Buffer.from(text.slice(0, MAX_TEXT)).toString().replaceAll('\0', '');
}

/** A status as gRPC sends it: the message, the reason, and both once more in google.rpc.Status. */
export function statusOf({ code, reason, message, violations, retryAfterMs }: StatusError): StatusObject {
  const text = plainText(message);
  const fieldViolations = violations.slice(0, MAX_VIOLATIONS).map(({ field, description }) => ({ field, description }));
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: DOMAIN })),
    ...(fieldViolations.length > 0 ? [anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations }))] : []),
  ];
  const metadata = new Metadata();
  metadata.set(REASON, reason);
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER, String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  metadata.set(DETAILS, Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message: text, details }))));
  return { code, details: text, metadata };
}

/** The name of a status code, such as `FAILED_PRECONDITION`. */
export function codeName(code: status): string {
  return status[code] ?? 'UNKNOWN';
}

/** Why a call ended like that: the reason the receiver gave, or undefined if nobody gave one (a proxy, a broken connection). */
export function reasonOf(error: ServiceError): string | undefined {
  // A connection that could not be made has no metadata, whatever the types say.
  const metadata = error.metadata as Metadata | undefined;
  const [details] = metadata?.get(DETAILS) ?? [];
  const [plain] = metadata?.get(REASON) ?? [];
  try {
    if (Buffer.isBuffer(details)) {
      for (const detail of fromBinary(StatusSchema, details).details) {
        const info = anyUnpack(detail, ErrorInfoSchema);
        if (info?.reason) return info.reason;
      }
    }
  } catch {
    // Details that cannot be read are as good as none.
  }
  return typeof plain === 'string' && plain ? plain : undefined;
}

/** Milliseconds that the receiver wants to be left alone, 0 if it does not say. */
export function retryAfterMsOf(error: ServiceError): number {
  const metadata = error.metadata as Metadata | undefined;
  const seconds = Number(metadata?.get(RETRY_AFTER)[0] ?? 0);
  return seconds > 0 ? seconds * 1000 : 0;
}
