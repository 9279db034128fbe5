import { trace } from '@opentelemetry/api';
import { pino, type Logger as PinoLogger } from 'pino';
import { currentFlow } from './flow';

export type Logger = PinoLogger;

// Nobody should log these. Should it happen all the same, the value does not get out.
const SECRETS = [
  'password',
  'authorization',
  'token',
  'paymentToken',
  'secret',
  '*.password',
  '*.authorization',
  '*.token',
  '*.paymentToken',
  '*.secret',
  'req.headers.authorization',
  'req.headers.cookie',
  // What a statement of the database was given, and the row that it did not take.
  'err.parameters',
  'err.detail',
  'err.driverError.parameters',
  'err.driverError.detail',
];

/**
 * The logger of a process: JSON lines, each with the service and, inside a flow, correlationId, eventId and traceId.
 * @param format `json` for machines, `pretty` for a person at a terminal
 */
export function createLogger({
  service,
  version,
  level,
  format,
}: {
  service: string;
  version: string;
  level: string;
  format: 'json' | 'pretty';
}): Logger {
  return pino(
    {
      level,
      base: { service, version },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '[redacted]' },
      mixin: flowFields,
    },
    format === 'pretty' ? prettyStream() : pino.destination({ fd: 1, sync: false, minLength: 0 }),
  );
}

/**
 * A logger for lines of which every field is known and none can be a secret, such as those of a message's boundaries. Looking for secrets takes longer
 * than writing such a line.
 */
export function forKnownFields(logger: Logger): Logger {
  return logger.child({}, { redact: [] });
}

function flowFields(): object {
  const flow = currentFlow();
  const span = trace.getActiveSpan()?.spanContext();
  return {
    ...(flow && { correlationId: flow.correlationId }),
    ...(flow?.eventId && { eventId: flow.eventId }),
    ...(span && { traceId: span.traceId, spanId: span.spanId }),
  };
}

function prettyStream() {
  // Loaded only where a person reads along.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a lazy load; an import would cost every service its start-up time
  const pretty = require('pino-pretty') as typeof import('pino-pretty');
  return pretty({ colorize: process.stdout.isTTY, ignore: 'pid,hostname,service,version,spanId', messageFormat: '{service} {msg}' });
}
