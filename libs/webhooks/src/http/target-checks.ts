import { Injectable } from '@nestjs/common';
import { Problem } from '@past-tense/service';
import { TARGET_REFUSED, TargetRefusedError, Targets } from '../targets/targets';

/** Checks of targets at once in one instance, all owners together. */
const MAX_CHECKS = 20;

/**
 * Checks targets while their owners wait for the answer. Each owner gets one check at a time: a name whose DNS server never answers takes
 * seconds, and many of them must not hold up everybody.
 */
@Injectable()
export class TargetChecks {
  readonly #owners = new Set<string>();

  constructor(private readonly targets: Targets) {}

  /**
   * @throws Problem 422 if the target is not allowed, which says nothing about the network; 429 if a check of the owner, or too many of
   *   others, are under way
   */
  async check(owner: string, url: string): Promise<URL> {
    if (this.#owners.has(owner)) throw tooMany('A target of yours is being checked just now.');
    if (this.#owners.size >= MAX_CHECKS) throw tooMany('Too many targets are being checked just now.');
    this.#owners.add(owner);
    try {
      return (await this.targets.check(url)).url;
    } catch (error) {
      if (!(error instanceof TargetRefusedError)) throw error;
      throw new Problem(422, 'target-not-allowed', 'Target not allowed', 'Webhooks are not sent to this target.', [
        { pointer: '/url', detail: TARGET_REFUSED },
      ]);
    } finally {
      this.#owners.delete(owner);
    }
  }
}

function tooMany(sentence: string): Problem {
  return new Problem(429, 'too-many-requests', 'Too many requests', `${sentence} Try again in a moment.`).with({ 'Retry-After': '1' });
}
