import { InvalidPayloadError, UndecodableError } from '@past-tense/contracts';
import { isConflict, isDatabaseUnavailable } from '@past-tense/database';
import { OutsideDedupWindowError } from '@past-tense/dedup';
import { EnvelopeError } from '@past-tense/envelope';

/** The message is not an event this consumer could ever handle. */
export class InvalidEventError extends Error {
  override name = 'InvalidEventError';
}

/**
 * What the event needs has not happened here yet; often a fact of another aggregate on another topic. The event waits until a
 * reaction of this consumer has committed under the key it names, and burns no attempt. It waits for as long as its reaction declares (`patienceMs`).
 */
export class EarlyEventError extends Error {
  override name = 'EarlyEventError';
  readonly failure = 'early';

  /**
   * @param waitsFor id of the aggregate whose fact must come first
   * @param what that fact, for a person
   */
  constructor(
    readonly waitsFor: string,
    what: string,
  ) {
    super(`${what} has not been heard of yet`);
  }
}

/**
 * What a failure means for the event. An error may say so itself, by a property `failure` with one of these values.
 * - `invalid`: it will never succeed; dead-lettered at once.
 * - `unknown-value`: it holds a value that was added after this build; dead-lettered at once, to be sent back to a newer build.
 * - `early`: something that comes first has not come; it waits for it.
 * - `unavailable`: someone needed for the effect is away (a database, a provider, the network); its kind of event waits, one
 *   of them probes, and no attempt is counted.
 * - `conflict`: another transaction was faster; tried again at once.
 * - `failed`: everything else, known or unknown; tried again in place, then tier by tier, then dead-lettered.
 */
export type FailureKind = 'invalid' | 'unknown-value' | 'early' | 'unavailable' | 'conflict' | 'failed';

const KINDS: readonly FailureKind[] = ['invalid', 'unknown-value', 'early', 'unavailable', 'conflict', 'failed'];
const INVALID = [InvalidEventError, EnvelopeError, UndecodableError, InvalidPayloadError, OutsideDedupWindowError];

/** The one place that decides what an error means. */
export function classify(error: unknown): FailureKind {
  const declared = (error as { failure?: unknown } | undefined)?.failure;
  if (declared === 'early' && typeof (error as EarlyEventError).waitsFor !== 'string') return 'failed'; // It must say for what.
  if (KINDS.includes(declared as FailureKind)) return declared as FailureKind;
  if (isConflict(error)) return 'conflict';
  if (isDatabaseUnavailable(error)) return 'unavailable';
  return INVALID.some((kind) => error instanceof kind) ? 'invalid' : 'failed';
}
