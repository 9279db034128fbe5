import { ConfigurationError, kafkaAccess, kafkaSettings, readConfig, tcpPort, wholeNumber } from '@past-tense/config';
import { allTopics } from '@past-tense/contracts';
import { deadLetterTopic, declaredConsumers, GroupWatch, ownTopics, type WatchedGroup } from '@past-tense/messaging';
import { createLogger, startTelemetry } from '@past-tense/telemetry';
import { createServer } from 'node:http';
import { z } from 'zod';

const settings = z.object({
  ...kafkaSettings,
  /** Address to listen on. Containers set 0.0.0.0. */
  HTTP_HOST: z.string().default('127.0.0.1'),
  HTTP_PORT: tcpPort(3010),
  /** Milliseconds between two looks at Kafka. */
  LOOK_EVERY_MS: wholeNumber(5_000, { min: 100, max: 60_000 }),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug']).default('info'),
});

const NAME = 'lag-watch';

/** Serves the lag and the members of every consumer group to Prometheus, until it is told to stop. */
function run(): void {
  const given = readConfig(settings);
  const { HTTP_HOST, HTTP_PORT, LOOK_EVERY_MS, LOG_LEVEL } = given;
  const access = kafkaAccess(given);
  const telemetry = startTelemetry({ service: NAME, version: '1.0.0' });
  const logger = createLogger({ service: NAME, version: '1.0.0', level: LOG_LEVEL, format: 'json' });
  const watch = new GroupWatch({
    kafka: { ...access, clientId: NAME, logger },
    groups: watchedGroups(),
    everyMs: LOOK_EVERY_MS,
  });
  const server = createServer((request, response) => {
    if (request.url === '/metrics') return telemetry.serveMetrics(request, response);
    const status =
      request.url === '/health/live' || (request.url === '/health/ready' && watch.sees) ? 200 : request.url === '/health/ready' ? 503 : 404;
    response.writeHead(status).end();
  });
  server.on('error', (error) => {
    process.stderr.write(`${NAME} cannot listen on ${HTTP_HOST}:${HTTP_PORT} (${error.message}); set HTTP_PORT to a free port.\n`);
    process.exit(1);
  });
  server.listen(HTTP_PORT, HTTP_HOST, () => logger.info({ port: HTTP_PORT }, `${NAME} is ready`));
  watch.start();
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      server.close();
      void watch.stop().finally(() => process.exit(0));
    });
}

/** Every consumer of the catalogue, with the topics it reads: the events it consumes, its retry tiers and what was sent back. */
function watchedGroups(): WatchedGroup[] {
  const topics = allTopics();
  return declaredConsumers().map((group) => ({
    group,
    topics: [
      ...topics.filter(({ consumers }) => consumers.includes(group)).map(({ name }) => name),
      ...ownTopics(group).filter((name) => name !== deadLetterTopic(group)),
    ],
  }));
}

try {
  run();
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`${NAME} cannot start. ${error.message}\n`);
  process.exitCode = 1;
}
