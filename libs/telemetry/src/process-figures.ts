import { metrics } from '@opentelemetry/api';

/**
 * Tells what the process uses of the machine, by the names of OpenTelemetry's conventions
 * (https://opentelemetry.io/docs/specs/semconv/system/process-metrics/). What Node does inside is told by its own instrumentation.
 */
export function watchProcess(): void {
  const meter = metrics.getMeter('past-tense');
  const cpu = meter.createObservableCounter('process.cpu.time', { unit: 's', description: 'CPU time, by mode' });
  const memory = meter.createObservableUpDownCounter('process.memory.usage', { unit: 'By', description: 'Physical memory in use' });
  const uptime = meter.createObservableGauge('process.uptime', { unit: 's', description: 'Time since the process started' });
  meter.addBatchObservableCallback(
    (result) => {
      const { user, system } = process.cpuUsage();
      result.observe(cpu, user / 1e6, { 'cpu.mode': 'user' });
      result.observe(cpu, system / 1e6, { 'cpu.mode': 'system' });
      result.observe(memory, process.memoryUsage.rss());
      result.observe(uptime, process.uptime());
    },
    [cpu, memory, uptime],
  );
}
