import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { execFileSync } from 'node:child_process';
import { contextOf, currentFlow, inFlow, inSpan, startTelemetry, traceOf, tracer } from './index';
import { linkTo } from './trace';

const telemetry = startTelemetry({ service: 'test', version: '1' });
afterAll(() => telemetry.shutdown());

describe('a flow', () => {
  it('travels through everything that is awaited, and ends with its work', async () => {
    const flow = { correlationId: 'c', causationId: 'x' };

    const seen = await inFlow(flow, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return currentFlow();
    });

    expect(seen).toBe(flow);
    expect(currentFlow()).toBeUndefined();
  });

  it('does not mix with another one at the same time', async () => {
    const run = (correlationId: string) =>
      inFlow({ correlationId, causationId: correlationId }, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return currentFlow()!.correlationId;
      });

    expect(await Promise.all(['a', 'b', 'c'].map(run))).toEqual(['a', 'b', 'c']);
  });
});

describe('a trace', () => {
  it('goes into W3C headers and is taken up from them', async () => {
    const stored = await inSpan('first', {}, ROOT_CONTEXT, async (span) => traceOf(span));
    const later = tracer.startSpan('second', {}, contextOf(stored, ROOT_CONTEXT));

    expect(stored.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(later.spanContext().traceId).toBe(stored.traceparent.split('-')[1]);
    expect(linkTo(stored)).toMatchObject([{ context: { spanId: stored.traceparent.split('-')[2] } }]);
  });

  it('replaces the active span instead of becoming its child', async () => {
    const stored = await inSpan('stored', {}, ROOT_CONTEXT, async (span) => traceOf(span));

    await inSpan('relay', {}, context.active(), async () => {
      expect(trace.getSpanContext(contextOf(stored))?.traceId).toBe(stored.traceparent.split('-')[1]);
    });
  });

  it('marks a span whose work failed', async () => {
    await expect(inSpan('failing', {}, context.active(), () => Promise.reject(new TypeError('no')))).rejects.toThrow('no');
  });
});

describe('a log line (V2)', () => {
  const script = `
    const { createLogger, inFlow, inSpan, startTelemetry } = require('@past-tense/telemetry');
    const { context } = require('@opentelemetry/api');
    startTelemetry({ service: 'orders', version: '1' });
    const logger = createLogger({ service: 'orders', version: '1', level: 'info', format: 'json' });
    inFlow({ correlationId: 'corr', causationId: 'cause', eventId: 'evt' }, () =>
      inSpan('work', {}, context.active(), async () => logger.info({ password: 'hunter2', nested: { token: 'abc' }, order: 1 }, 'did it')));
  `;

  it('carries the ids of its flow and its trace, and no secret (P3)', () => {
    const line = JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd: __dirname, encoding: 'utf8' })) as Record<
      string,
      unknown
    >;

    expect(line).toMatchObject({
      level: 'info',
      service: 'orders',
      msg: 'did it',
      correlationId: 'corr',
      eventId: 'evt',
      order: 1,
      password: '[redacted]',
      nested: { token: '[redacted]' },
    });
    expect(line['traceId']).toMatch(/^[0-9a-f]{32}$/);
    expect(line['time']).toMatch(/Z$/);
  });
});
