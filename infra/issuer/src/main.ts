import { DEVELOPMENT_MARK, SCOPES } from '@past-tense/auth';
import { ConfigurationError, httpUrl, readConfig, tcpPort, wholeNumber } from '@past-tense/config';
import { createLogger } from '@past-tense/telemetry';
import { createServer, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { SigningKey } from './signing-key';
import { TokenEndpoint, type TokenAnswer } from './token-endpoint';

const NAME = 'issuer';

const settings = z.object({
  /** Address to listen on. Whoever reaches it can be anybody, so beyond this machine it must not be reached. */
  HTTP_HOST: z.string().default('127.0.0.1'),
  HTTP_PORT: tcpPort(3011),
  /** The issuer as it stands in the tokens: its address as the services reach it. */
  ISSUER_URL: httpUrl(),
  /** Folder for the signing key. */
  ISSUER_FOLDER: z.string(),
  AUTH_AUDIENCE: z.string().default('past-tense'),
  TOKEN_LIFETIME_S: wholeNumber(3_600, { min: 1, max: 86_400 }),
  ORDERS_CLIENT_SECRET: z.string().min(16, 'must have at least 16 characters'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug']).default('info'),
});

/** The development issuer: tokens for whoever is tried out on a workstation, until it is told to stop. */
async function run(): Promise<void> {
  const { HTTP_HOST, HTTP_PORT, ISSUER_URL, ISSUER_FOLDER, ...rest } = readConfig(settings);
  const logger = createLogger({ service: NAME, version: '1.0.0', level: rest.LOG_LEVEL, format: 'json' });
  const issuer = ISSUER_URL.replace(/\/$/, '');
  const key = await SigningKey.in(ISSUER_FOLDER);
  const tokens = new TokenEndpoint({
    issuer,
    audience: rest.AUTH_AUDIENCE,
    lifetimeS: rest.TOKEN_LIFETIME_S,
    key,
    secrets: { orders: rest.ORDERS_CLIENT_SECRET },
  });
  const documents: Record<string, object> = {
    '/.well-known/openid-configuration': {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      token_endpoint: `${issuer}/token`,
      grant_types_supported: ['client_credentials'],
      response_types_supported: [],
      subject_types_supported: ['public'],
      scopes_supported: Object.keys(SCOPES),
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic', 'none'],
      [DEVELOPMENT_MARK]: true,
    },
    '/jwks': { keys: [key.published] },
    '/health/live': { status: 'up' },
    '/health/ready': { status: 'ready' },
  };
  const answer = async (request: IncomingMessage): Promise<TokenAnswer> => {
    const path = request.url?.split('?')[0] ?? '';
    if (request.method === 'POST' && path === '/token') return await tokens.answer(request);
    const document = request.method === 'GET' && Object.hasOwn(documents, path) ? documents[path] : undefined;
    return document ? { status: 200, body: document } : { status: 404, body: { error: 'not_found' } };
  };
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    answer(request).then(
      ({ status, body }) =>
        response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body)),
      (error: unknown) => {
        logger.warn({ err: error }, 'a request could not be answered');
        response.writeHead(400).end();
      },
    );
  });
  server.on('error', (error) => {
    process.stderr.write(`${NAME} cannot listen on ${HTTP_HOST}:${HTTP_PORT} (${error.message}); set HTTP_PORT to a free port.\n`);
    process.exit(1);
  });
  server.listen(HTTP_PORT, HTTP_HOST, () => logger.info({ port: HTTP_PORT }, `${NAME} is ready`));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

run().catch((error: unknown) => {
  process.stderr.write(`${NAME} cannot start. ${(error as Error).message}\n`);
  if (!(error instanceof ConfigurationError)) process.stderr.write('Check that ISSUER_FOLDER can be written to.\n');
  process.exitCode = 1;
});
