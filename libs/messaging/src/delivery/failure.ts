import { InvalidPayloadError, UndecodableError } from '@past-tense/contracts';
import { isConflict, isDatabaseUnavailable } from '@past-tense/database';
import { OutsideDedupWindowError } from '@past-tense/dedup';
import { EnvelopeError } from '@past-tense/envelope';

/** The message is not an event this consumer could ever handle. */
export class InvalidEventError extends Error {
  override name = 'InvalidEventError';
}

/**
 * What a failure means for the event. An error may say so itself, by a property `failure` with one of these values.
 * - `invalid`: it will never succeed; dead-lettered at once.
 * - `unavailable`: someone needed for the effect is away (a database, a provider, the network); it waits and no attempt is
 *   counted.
 * - `failed`: everything else, known or unknown; tried again, then dead-lettered.
 */
export type FailureKind = 'invalid' | 'unavailable' | 'failed';

const KINDS: readonly FailureKind[] = ['invalid', 'unavailable', 'failed'];
const INVALID = [InvalidEventError, EnvelopeError, UndecodableError, InvalidPayloadError, OutsideDedupWindowError];

/** The one place that decides what an error means. */
export function classify(error: unknown): FailureKind {
  const declared = (error as { failure?: unknown } | undefined)?.failure;
  if (KINDS.includes(declared as FailureKind)) return declared as FailureKind;
  if (isDatabaseUnavailable(error) || isConflict(error)) return 'unavailable';
  return INVALID.some((kind) => error instanceof kind) ? 'invalid' : 'failed';
}
