import {
  Catch,
  Global,
  HttpException,
  Injectable,
  Module,
  type ArgumentsHost,
  type DynamicModule,
  type ExceptionFilter,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { Principal, RequestWithPrincipal } from '@past-tense/auth';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { LOGGER, SETTINGS } from '@past-tense/service';
import { createLogger } from '@past-tense/telemetry';
import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import {
  IdempotencyKeys,
  JOBS_MIGRATIONS,
  Jobs,
  JobsModule,
  jobsSettings,
  type Job,
  type JobListener,
  type JobsSettings,
  type NewJob,
} from '../src/index';

export const failures = {
  'payment-declined': { meaning: 'The payment was declined.', action: 'Use another means of payment.' },
  undeliverable: { meaning: 'The address cannot be reached.', action: 'Give another address.' },
} as const;

/** What the test's listener is told to do with a kind of job. */
export const BREAKS = 'breaks-its-listener';

export const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

@Injectable()
class Announcements {
  async add(transaction: Transaction, { id, status, failure }: Job): Promise<void> {
    const statement = { name: 'announce', text: 'INSERT INTO announcements VALUES ($1, $2, $3)' };
    await transaction.query(statement, [id, status, failure?.code]);
  }
}

@Module({ providers: [Announcements], exports: [Announcements] })
class AnnouncementsModule {}

@Injectable()
class AnnounceEnd implements JobListener {
  constructor(private readonly announcements: Announcements) {}

  async ended(transaction: Transaction, job: Job): Promise<void> {
    if (job.kind === BREAKS) throw new Error('this one cannot be announced');
    await this.announcements.add(transaction, job);
  }
}

/** Turns a problem into an answer, with its headers. */
@Catch(HttpException)
class ProblemAnswers implements ExceptionFilter {
  catch(error: HttpException & { headers?: Record<string, string> }, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    response
      .status(error.getStatus())
      .set(error.headers ?? {})
      .type('application/problem+json')
      .send(JSON.stringify(error.getResponse()));
  }
}

/** One instance of a service that has jobs. */
export interface Instance {
  readonly databaseUrl: string;
  readonly database: Database;
  readonly jobs: Jobs<keyof typeof failures>;
  readonly keys: IdempotencyKeys;
  readonly url: string;
  readonly document: OpenAPIObject;
  close(): Promise<void>;
}

export async function openDatabase(url: string): Promise<Database> {
  const database = new Database({ url, applicationName: 'test', entities: [], migrations: JOBS_MIGRATIONS, logger });
  await database.connect();
  await database.migrate();
  await database.entities.query('CREATE TABLE IF NOT EXISTS announcements (job uuid, status text, code text)');
  return database;
}

/**
 * Starts an instance on a database.
 * @param modules what else the service has
 */
export async function startInstance(
  databaseUrl: string,
  settings: Partial<JobsSettings> = {},
  modules: DynamicModule[] = [],
): Promise<Instance> {
  const database = await openDatabase(databaseUrl);
  const providers = [
    { provide: Database, useValue: database },
    { provide: LOGGER, useValue: logger },
    { provide: SETTINGS, useValue: { ...z.object(jobsSettings).parse({}), ...settings } },
  ];

  @Global()
  @Module({ providers, exports: providers })
  class PlatformModule {}

  const jobsModule = JobsModule.register({
    failures,
    subjectName: 'orderId',
    imports: [AnnouncementsModule],
    listener: AnnounceEnd,
  });

  @Module({ imports: [PlatformModule, jobsModule, ...modules.map((module) => ({ ...module, imports: [jobsModule] }))] })
  class RootModule {}

  const app = await NestFactory.create<NestExpressApplication>(RootModule, {
    logger: false,
    forceCloseConnections: true,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemAnswers());
  app.use((request: Request & RequestWithPrincipal, _response: Response, next: NextFunction) => {
    const { customerId, scopes } = JSON.parse(request.header('x-caller') ?? '{"scopes":[]}') as { customerId?: string; scopes: string[] };
    request.principal = { subject: 'somebody', customerId, scopes: new Set(scopes) } satisfies Principal;
    next();
  });
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  await app.listen(0, '127.0.0.1');
  return {
    databaseUrl,
    database,
    jobs: app.get(Jobs),
    keys: app.get(IdempotencyKeys),
    url: (await app.getUrl()).replace('[::1]', '127.0.0.1'),
    document,
    async close() {
      await app.close();
      await database.close();
    },
  };
}

export const aJob = (change: Partial<NewJob> = {}): NewJob => ({
  id: newId(),
  kind: 'place-order',
  owner: newId(),
  subject: newId(),
  correlationId: newId(),
  ...change,
});

export const asCustomer = (customerId: string) => ({ 'x-caller': JSON.stringify({ customerId, scopes: ['orders:read'] }) });
export const asStaff = { 'x-caller': JSON.stringify({ scopes: ['orders:read', 'orders:any'] }) };
