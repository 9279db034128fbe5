import { Global, Module, type INestApplication, type LoggerService, type Provider, type Type } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import type { TokenVerifier } from '@past-tense/auth';
import type { Logger, Telemetry } from '@past-tense/telemetry';
import type { HttpSettings } from '../settings';
import { AccessGuard, authenticate } from './access';
import { describeApi } from './api-description';
import { beginFlow, enterFlow } from './flow.middleware';
import { HealthController, READY_CHECKS, type ReadyChecks } from './health.controller';
import { limitConnections, limitRequests, readBody } from './limits';
import { refuseOtherMethods } from './methods';
import { MetricsController, TELEMETRY } from './metrics.controller';
import { ProblemFilter } from './problem.filter';
import { RouteInterceptor } from './route.interceptor';

interface HttpOptions {
  readonly definition: { readonly name: string; readonly version: string; readonly description: string; readonly module: Type };
  readonly settings: HttpSettings;
  readonly logger: Logger;
  readonly providers: Provider[];
  /** Of the platform, beside those of the service itself. */
  readonly controllers: Type[];
  readonly ready: ReadyChecks;
  readonly telemetry: Telemetry;
  readonly verifier: TokenVerifier;
}

/**
 * Starts the HTTP side of a service and listens.
 * @throws Error if the port is taken
 */
export async function startHttp({
  definition,
  settings,
  logger,
  providers,
  controllers,
  ready,
  telemetry,
  verifier,
}: HttpOptions): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(
    rootModule(definition.module, controllers, [
      ...providers,
      { provide: READY_CHECKS, useValue: ready },
      { provide: TELEMETRY, useValue: telemetry },
    ]),
    {
      logger: nestLogger(logger),
      bodyParser: false,
      forceCloseConnections: true,
      abortOnError: false,
    },
  );
  app.disable('x-powered-by');
  app.set('trust proxy', settings.HTTP_TRUSTED_PROXIES ?? false);
  app.use(beginFlow(logger), authenticate(verifier), limitRequests(settings), ...readBody(settings), enterFlow);
  app.use(refuseOtherMethods(() => (app.getHttpAdapter().getInstance() as { router: { stack: unknown[] } }).router.stack));
  limitConnections(app.getHttpServer(), settings);
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalInterceptors(new RouteInterceptor());
  const document = describeApi(app, definition);
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

function rootModule(module: Type, controllers: Type[], providers: Provider[]): Type {
  @Global()
  @Module({
    imports: [DiscoveryModule],
    providers: [...providers, { provide: APP_GUARD, useClass: AccessGuard }],
    exports: providers,
    controllers: [HealthController, MetricsController, ...controllers],
  })
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
