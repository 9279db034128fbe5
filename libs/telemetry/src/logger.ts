import { trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
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
    format === 'pretty' ? prettyStream() : standardOutput(),
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

/** While text waits to be written, its destination measures all of it again with every line, for which it is copied; of buffers it knows how long they are. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ fd: 1, sync: false, minLength: 0, contentMode: 'buffer' });
  const write = output.write.bind(output) as (data: unknown) => boolean; // Its type knows of text only.
  // What is still there when the process ends pino writes by itself; after a line of the level "fatal" it asks for that.
  return Object.assign({ write: (line: string) => void write(Buffer.from(line)) }, { flushSync: () => output.flushSync() });
}

function prettyStream() {
  // Loaded only where a person reads along.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a lazy load; an import would cost every service its start-up time
  const pretty = require('pino-pretty') as typeof import('pino-pretty');
  return pretty({ colorize: process.stdout.isTTY, ignore: 'pid,hostname,service,version,spanId', messageFormat: '{service} {msg}' });
}
