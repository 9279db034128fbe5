import { status } from '@grpc/grpc-js';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { REASONS, StatusError } from './status';

/** Bounds the calls of each caller, so that one of them cannot use up what all share. */
export class CallRate {
  readonly #limiter: RateLimiterMemory;

  constructor(private readonly perSecond: number) {
    this.#limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  }

  /**
   * Counts a call of somebody who has shown who they are; whoever has not must not use up the share of another.
   * @throws StatusError if it is one too many
   */
  async count(subject: string): Promise<void> {
    try {
      await this.#limiter.consume(subject);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new StatusError(
        status.RESOURCE_EXHAUSTED,
        REASONS.tooManyCalls,
        `One caller may make ${this.perSecond} calls a second; ask again later.`,
        [],
        { retryAfterMs: refused.msBeforeNext },
      );
    }
  }
}
