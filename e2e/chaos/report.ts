import { cpus, totalmem } from 'node:os';
import type { Outcome } from './scenario';

/** How one scenario went. */
export interface Entry extends Outcome {
  readonly name: string;
  readonly what: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** Seconds from the last fault until nothing waited anywhere. */
  readonly settledAfter: number;
  readonly orders: number;
  /** What must not have happened and did. */
  readonly violations: readonly string[];
}

export interface Report {
  readonly seed: number;
  readonly scale: 'full' | 'short';
  readonly startedAt: string;
  readonly machine: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly scenarios: readonly Entry[];
}

export function machine(): string {
  return `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

/** A report as text; Markdown, so that it can stand in the documentation as it is. */
export function asText({ seed, scale, startedAt, machine: on, passed, seconds, scenarios }: Report): string {
  const lines = [
    `# Chaos, seed ${seed} (${scale}): ${passed ? 'passed' : 'FAILED'}`,
    '',
    `${startedAt}, ${on}, ${Math.round(seconds)} s`,
    '',
    '| scenario | result | s | settled after s | orders | faults that were hit |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...scenarios.map(
      (entry) =>
        `| ${entry.name}: ${entry.what} | ${entry.passed ? 'passed' : 'FAILED'} | ${Math.round(entry.seconds)} | ${Math.round(entry.settledAfter)} | ${entry.orders} | ${pairs(entry.faults)} |`,
    ),
    '',
    ...scenarios.flatMap((entry) =>
      entry.figures && Object.keys(entry.figures).length > 0 ? [`- ${entry.name}: ${pairs(entry.figures)}`] : [],
    ),
    ...scenarios.flatMap((entry) => entry.violations.map((violation) => `- VIOLATION in ${entry.name}: ${violation}`)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function pairs(record: Readonly<Record<string, number | string>>): string {
  return Object.entries(record)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
