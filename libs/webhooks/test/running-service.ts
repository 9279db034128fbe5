import 'reflect-metadata';
import {
  Global,
  Module,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { accessOf, requireAccess, type RequestWithPrincipal } from '@past-tense/auth';
import { Database, type DatabaseOptions } from '@past-tense/database';
import { LOGGER, SETTINGS } from '@past-tense/service';
import { createLogger } from '@past-tense/telemetry';
import type { Request } from 'express';

export const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

/** Opens a database and brings it up to date. */
export async function openDatabase(url: string, migrations: DatabaseOptions['migrations']): Promise<Database> {
  const database = new Database({ url, applicationName: 'test', entities: [], migrations, logger });
  await database.connect();
  await database.migrate();
  return database;
}

/** Takes the caller from headers, as the service does from a token, and lets them do what the endpoint allows. */
class AccessGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request & RequestWithPrincipal>();
    const [subject, scope] = (request.header('x-caller') ?? '').split(' ');
    if (subject) request.principal = { subject, scopes: new Set([scope ?? '']) };
    try {
      requireAccess(accessOf(context.getHandler(), context.getClass()), request.principal);
      return true;
    } catch {
      return false;
    }
  }
}

/** A service with these modules that listens on a free port. */
export async function startService(
  database: Database,
  settings: object,
  modules: (Type | DynamicModule)[],
): Promise<{ app: INestApplication; url: string }> {
  const providers = [
    { provide: SETTINGS, useValue: settings },
    { provide: LOGGER, useValue: logger },
    { provide: Database, useValue: database },
  ];

  @Global()
  @Module({ providers, exports: providers })
  class PlatformModule {}

  @Module({ imports: [PlatformModule, ...modules] })
  class RootModule {}

  const app = await NestFactory.create<NestExpressApplication>(RootModule, {
    logger: false,
    rawBody: true,
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.useGlobalGuards(new AccessGuard());
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}
