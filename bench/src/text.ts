import type { ComparisonResult, Results } from './results';
import type { Spread } from './statistics';

/** The results as Markdown tables, which can be read as they are. */
export function textOf({ machine, startedAt, seconds, comparisons }: Results): string {
  const { processor, cores, memoryGigabytes, system, node } = machine;
  return [
    `${processor}, ${cores} cores, ${memoryGigabytes} GiB, ${system}, Node ${node}; ${startedAt}, ${Math.round(seconds / 60)} minutes.`,
    ...comparisons.map(comparisonText),
  ].join('\n\n');
}

/** One comparison: what every contender came to, and the ratios that are wanted. */
export function comparisonText({ title, work, units, rounds, contenders, goals }: ComparisonResult): string {
  const shown = Object.keys(units).filter((value) => contenders.some(({ values }) => values[value]));
  const rows = contenders.map(({ name, what, values }) => [
    `**${name}**: ${what}`,
    ...shown.map((value) => (values[value] ? spreadText(values[value]) : '–')),
  ]);
  const parts = [
    `### ${title}`,
    `${work} Median (least–most) of ${rounds} round${rounds === 1 ? '' : 's'}.`,
    table(['', ...shown.map((value) => units[value]!)], rows),
  ];
  if (goals.length > 0)
    parts.push(
      table(
        ['goal', 'wanted', 'measured', ''],
        goals.map(({ of, beside, value, atLeast, atMost, ratio, met }) => [
          `${beside === undefined ? of : `${of} / ${beside}`}, ${units[value] ?? value}`,
          atLeast !== undefined ? `≥ ${atLeast}` : atMost !== undefined ? `≤ ${atMost}` : 'report',
          `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
          atLeast === undefined && atMost === undefined ? '' : met ? 'met' : 'missed',
        ]),
      ),
    );
  return parts.join('\n\n');
}

function spreadText({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}

/** Three digits that count, or all of a whole number. */
export function number(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
