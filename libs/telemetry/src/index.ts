export { currentFlow, inFlow, type Flow } from './flow';
export { createLogger, forKnownFields, type Logger } from './logger';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './start';
export {
  causedBy,
  contextOf,
  currentTrace,
  endWith,
  inSpan,
  SEARCHABLE,
  traceOf,
  tracer,
  type TraceFlow,
  type TraceHeaders,
} from './trace';
