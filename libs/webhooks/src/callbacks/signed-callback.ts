import { applyDecorators, Inject, Injectable, UseGuards, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { LOGGER, Problem, Problems, SETTINGS } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import type { Request } from 'express';
import { REFUSALS, verifyCallback } from './verify-callback';

/** A request whose raw bytes the body parser has kept. */
type RawRequest = Request & { readonly rawBody?: Buffer };

const guards = new Map<string, Type<CanActivate>>();

/**
 * An endpoint that only a sender who knows the secret may call: it is open to callers without a token, and whatever is missing, forged or
 * stale is answered with 401 `callback-refused`. The request must keep its raw body (`request.rawBody`). Whether a call was seen before is for
 * `CallbackInbox` to say, in the transaction of the effect.
 * @param setting name of the setting that holds the secrets; its type is `callbackSecrets()`
 */
export function SignedCallback(setting: string): MethodDecorator & ClassDecorator {
  const header = (name: string, description: string) => ApiHeader({ name, description, required: true });
  return applyDecorators(
    OpenToAll('signed by the sender (Standard Webhooks)'),
    UseGuards(guardFor(setting)),
    header('webhook-id', 'The same for every attempt of one call.'),
    header('webhook-timestamp', 'Seconds since 1970, at most five minutes off.'),
    header('webhook-signature', '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, separated by spaces.'),
    Problems({
      401: 'The call is not signed, not by who should have, or too old.',
      409: 'The call was received before; nothing happens twice.',
    }),
  );
}

function guardFor(setting: string): Type<CanActivate> {
  const known = guards.get(setting);
  if (known) return known;

  @Injectable()
  class SignedCallbackGuard implements CanActivate {
    readonly #secrets: readonly string[];

    constructor(
      @Inject(SETTINGS) settings: Readonly<Record<string, unknown>>,
      @Inject(LOGGER) private readonly logger: Logger,
    ) {
      const secrets = settings[setting];
      if (!Array.isArray(secrets) || secrets.length === 0)
        throw new Error(`${setting} holds no callback secrets; declare it in the settings of the service as callbackSecrets().`);
      this.#secrets = secrets as string[];
    }

    canActivate(context: ExecutionContext): boolean {
      const { headers, rawBody = Buffer.alloc(0) } = context.switchToHttp().getRequest<RawRequest>();
      const refusal = verifyCallback(this.#secrets, headers, rawBody);
      if (!refusal) return true;
      this.logger.warn({ refusal }, 'refused a callback');
      throw new Problem(401, 'callback-refused', 'Callback refused', REFUSALS[refusal]);
    }
  }
  guards.set(setting, SignedCallbackGuard);
  return SignedCallbackGuard;
}
