import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { context } from '@opentelemetry/api';
import { getRPCMetadata, RPCType } from '@opentelemetry/core';
import type { Request } from 'express';
import type { Observable } from 'rxjs';

/** Tells the span of a request its route, so that it is named `POST /orders/:id` and not after every single order. */
@Injectable()
export class RouteInterceptor implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const metadata = getRPCMetadata(context.active());
    const request = execution.switchToHttp().getRequest<Request>();
    if (metadata?.type === RPCType.HTTP) metadata.route = (request.route as { path?: string } | undefined)?.path ?? metadata.route;
    return next.handle();
  }
}
