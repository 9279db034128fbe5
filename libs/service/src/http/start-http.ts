import { Global, Module, type INestApplication, type LoggerService, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { Logger, Telemetry } from '@past-tense/telemetry';
import { json } from 'express';
import type { HttpSettings } from '../settings';
import { beginFlow, enterFlow } from './flow.middleware';
import { HealthController, READY_CHECKS, type ReadyChecks } from './health.controller';
import { MetricsController, TELEMETRY } from './metrics.controller';
import { ProblemFilter } from './problem.filter';
import { RouteInterceptor } from './route.interceptor';

interface HttpOptions {
  readonly definition: { readonly name: string; readonly version: string; readonly description: string; readonly module: Type };
  readonly settings: HttpSettings;
  readonly logger: Logger;
  readonly providers: Provider[];
  readonly ready: ReadyChecks;
  readonly telemetry: Telemetry;
}

const MAX_BODY = '100kb';

/**
 * Starts the HTTP side of a service and listens.
 * @throws Error if the port is taken
 */
export async function startHttp({ definition, settings, logger, providers, ready, telemetry }: HttpOptions): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(
    rootModule(definition.module, [...providers, { provide: READY_CHECKS, useValue: ready }, { provide: TELEMETRY, useValue: telemetry }]),
    {
      logger: nestLogger(logger),
      bodyParser: false,
      forceCloseConnections: true,
      abortOnError: false,
    },
  );
  app.disable('x-powered-by');
  app.use(beginFlow(logger), json({ limit: MAX_BODY }), enterFlow);
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalInterceptors(new RouteInterceptor());
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder().setTitle(definition.name).setDescription(definition.description).setVersion(definition.version).build(),
  );
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json' });
  try {
    await app.listen(settings.HTTP_PORT, settings.HTTP_HOST);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${settings.HTTP_PORT} is taken by another process. Stop that one, or set HTTP_PORT to a free port.`, {
      cause: error,
    });
  }
  return app;
}

function rootModule(module: Type, providers: Provider[]): Type {
  @Global()
  @Module({ providers, exports: providers, controllers: [HealthController, MetricsController] })
  class PlatformModule {}

  @Module({ imports: [PlatformModule, module] })
  class RootModule {}
  return RootModule;
}

function nestLogger(logger: Logger): LoggerService {
  const text = (message: unknown) => String(message);
  return {
    log: (message) => logger.debug(text(message)),
    error: (message) => logger.error(text(message)),
    warn: (message) => logger.warn(text(message)),
  };
}
