import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader, ApiResponse } from '@nestjs/swagger';
import { Problems } from '@past-tense/service';
import type { Request } from 'express';
import { IDEMPOTENCY_KEY } from './idempotency-key';
import type { KeyedRequest } from './idempotency-keys';

/** Injects the request as `IdempotencyKeys.once` takes it. */
export const Keyed = createParamDecorator((_: unknown, context: ExecutionContext): KeyedRequest => {
  const request = context.switchToHttp().getRequest<Request>();
  return { key: request.header('idempotency-key'), method: request.method, path: request.originalUrl, body: request.body };
});

/** Documents that an operation takes an Idempotency-Key, and the problems this may lead to. */
export const TakesIdempotencyKey = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description:
        'A key of your own for this request, such as a new UUID. Send the request again with the same key, and it has no second effect and ' +
        'gets the same answer (with `Idempotent-Replayed: true`), for at least 24 hours.',
      schema: { type: 'string', pattern: IDEMPOTENCY_KEY },
    }),
    Problems({
      400: 'The Idempotency-Key is not 1 to 255 visible ASCII characters.',
      409: 'A request with this Idempotency-Key is being worked on.',
      422: 'The Idempotency-Key was used for another request.',
    }),
    ApiResponse({ status: 409, headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } } }),
  );
