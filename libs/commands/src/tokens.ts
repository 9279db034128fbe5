import { status } from '@grpc/grpc-js';
import type { Logger } from '@past-tense/telemetry';

export interface TokensOptions {
  readonly receiver: string;
  readonly token: (refused?: string) => Promise<string>;
  readonly logger?: Logger | undefined;
}

const WARN_EVERY_MS = 10_000;
// RFC 6750, 2.1. Anything else would not travel as metadata, or would say more than a token.
const BEARER_TOKEN = /^[\w.~+/-]+=*$/;

/** The tokens of a client: asks for another one when one is refused, and says why there is none. */
export class Tokens {
  #refused: string | undefined;
  #warnedAt = -Infinity;
  #unsaid = 0;

  constructor(private readonly options: TokensOptions) {}

  /** @throws Error if there is none */
  async next(): Promise<string> {
    try {
      const token = await this.options.token(this.#refused);
      if (!BEARER_TOKEN.test(token)) throw new Error('What was given is not written like a bearer token (RFC 6750).');
      return token;
    } catch (error) {
      this.#warn(error);
      throw error;
    }
  }

  /** Takes note of how a call with a token ended. */
  used(token: string, code: status): void {
    if (code === status.UNAUTHENTICATED) this.#refused = token;
    // The receiver may have changed its mind, and then this token is as good as another.
    else if (code === status.OK && this.#refused === token) this.#refused = undefined;
  }

  /** Every attempt fails as long as the issuer is away; one line now and then tells as much. */
  #warn(error: unknown): void {
    const { receiver, logger } = this.options;
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) {
      this.#unsaid += 1;
      return;
    }
    // The message alone: what else an error carries may be the request, with the secret in it.
    const cause = error instanceof Error ? error.message : String(error);
    logger?.warn(
      { receiver, cause, unsaid: this.#unsaid },
      `There is no token for the commands of ${receiver}; they are sent when there is one`,
    );
    this.#warnedAt = now;
    this.#unsaid = 0;
  }
}
