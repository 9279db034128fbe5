import type { ComparisonResult, Results } from './results';
import { number } from './text';

const WIDTH = 860;
const LEFT = 250;
const BAR = 18;
const GAP = 8;
const HEAD = 34;
const COLOURS = { first: '#2b6cb0', other: '#a0aec0', spread: '#1a202c', text: '#1a202c', paper: '#ffffff' };

/** The first value of every comparison as bars, one picture: the median, and a line from the least to the most. */
export function plotOf({ comparisons }: Results): string {
  let y = 10;
  const blocks = comparisons.map((comparison) => {
    const block = `<g transform="translate(0,${y})">${bars(comparison)}</g>`;
    y += HEAD + comparison.contenders.length * (BAR + GAP) + 14;
    return block;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" fill="${COLOURS.text}">`,
    `<rect width="${WIDTH}" height="${y}" fill="${COLOURS.paper}"/>`,
    ...blocks,
    '</svg>',
    '',
  ].join('\n');
}

function bars({ title, units, contenders }: ComparisonResult): string {
  const value = Object.keys(units).find((name) => contenders.some(({ values }) => values[name]))!;
  const most = Math.max(...contenders.map(({ values }) => values[value]?.max ?? 0));
  const scale = (WIDTH - LEFT - 130) / (most || 1);
  const lines = contenders.flatMap(({ name, values }, i) => {
    const spread = values[value];
    if (!spread) return [];
    const top = HEAD + i * (BAR + GAP);
    const middle = top + BAR / 2;
    const x = (at: number) => (LEFT + at * scale).toFixed(1);
    return [
      `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LEFT}" y="${top}" width="${(spread.median * scale).toFixed(1)}" height="${BAR}" fill="${i === 0 ? COLOURS.first : COLOURS.other}"/>`,
      `<line x1="${x(spread.min)}" x2="${x(spread.max)}" y1="${middle}" y2="${middle}" stroke="${COLOURS.spread}" stroke-width="2"/>`,
      `<text x="${(LEFT + spread.max * scale + 8).toFixed(1)}" y="${middle + 4}">${number(spread.median)}</text>`,
    ];
  });
  return [`<text x="10" y="18" font-weight="bold">${escaped(title)} (${escaped(units[value]!)})</text>`, ...lines].join('\n');
}

/** Text as it may stand in SVG. */
export const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
