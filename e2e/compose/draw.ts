import { writeFileSync } from 'node:fs';

/** A span with its place in time; microseconds since 1970. */
export interface DrawnSpan {
  readonly service: string;
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startUs: number;
  readonly durationUs: number;
  readonly failed: boolean;
}

const ROW = 18;
const NAMES = 330;
const BARS = 620;
const HEAD = 46;
const INDENT = 10;
const COLOURS: Readonly<Record<string, string>> = {
  orders: '#4c78a8',
  payments: '#f58518',
  shipping: '#54a24b',
  tracking: '#b279a2',
  sandbox: '#9d9d9d',
};
const FAILED = '#e45756';

/** Draws a trace as Jaeger's own page shows it: a row for each span, below its parent, at its place in time. */
export function drawTrace(file: string, title: string, spans: readonly DrawnSpan[]): void {
  const rows = inTreeOrder(spans);
  const begin = Math.min(...spans.map(({ startUs }) => startUs));
  const total = Math.max(...spans.map(({ startUs, durationUs }) => startUs + durationUs)) - begin;
  const x = (us: number) => NAMES + ((us - begin) / total) * BARS;
  const ms = (us: number) => `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
  const lines = rows.map(({ span, depth }, i) => {
    const y = HEAD + i * ROW;
    const width = Math.max(1.5, (span.durationUs / total) * BARS);
    const at = x(span.startUs);
    const right = at + width < NAMES + BARS - 60;
    return [
      `<text x="${8 + depth * INDENT}" y="${y + 12}"><tspan font-weight="600" fill="${COLOURS[span.service] ?? '#555'}">${span.service}</tspan> ${escaped(span.name)}</text>`,
      `<rect x="${at.toFixed(1)}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 7}" rx="2" fill="${span.failed ? FAILED : (COLOURS[span.service] ?? '#555')}"/>`,
      `<text x="${(right ? at + width + 4 : at - 4).toFixed(1)}" y="${y + 12}" fill="#777" text-anchor="${right ? 'start' : 'end'}">${ms(span.durationUs)}</text>`,
    ].join('');
  });
  const height = HEAD + rows.length * ROW + 10;
  const width = NAMES + BARS + 20;
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="#222">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="8" y="20" font-size="14" font-weight="600">${escaped(title)}</text>
<text x="8" y="36" fill="#777">${rows.length} spans, ${new Set(spans.map(({ service }) => service)).size} services, ${ms(total)}; red: the span failed</text>
${lines.join('\n')}
</svg>
`,
  );
}

function inTreeOrder(spans: readonly DrawnSpan[]): { span: DrawnSpan; depth: number }[] {
  const below = (parent: string | undefined, depth: number): { span: DrawnSpan; depth: number }[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .sort((a, b) => a.startUs - b.startUs)
      .flatMap((span) => [{ span, depth }, ...below(span.spanId, depth + 1)]);
  return below(undefined, 0);
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}
