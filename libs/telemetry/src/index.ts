export { currentFlow, inFlow, type Flow } from './flow';
export { createLogger, type Logger } from './logger';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './start';
export { contextOf, endWith, inSpan, linkTo, traceOf, tracer, type TraceHeaders } from './trace';
