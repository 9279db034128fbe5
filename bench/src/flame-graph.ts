import { escaped } from './plot';

/** What V8's profiler writes down: nodes of a tree of calls, and in which of them it found the thread, with microseconds since the last look. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A box: what was called, and how long that took with all that it called. */
interface Frame {
  readonly name: string;
  micros: number;
  readonly children: Map<string, Frame>;
}

const WIDTH = 1_200;
const ROW = 17;
const HEAD = 30;
/** Narrower boxes are left out, pixels. */
const NARROWEST = 1.5;
const LETTER = 6.4;
const COLOURS = { own: '#2b6cb0', library: '#718096', node: '#a0aec0', engine: '#c05621', process: '#1a202c' };

/**
 * Draws where the processor's time of several processes went: a box is as wide as what it stands for took, with everything that it called, which is
 * below it. Calls within one library are one box, because what a library does inside is not ours to change. Time in which a thread had nothing to do
 * is left out.
 * @param profiles by the name of the process
 */
export function flameGraph(title: string, profiles: ReadonlyMap<string, Profile>): string {
  const root = newFrame('everything');
  for (const [name, profile] of profiles) add(root, name, profile);
  const boxes: string[] = [];
  const rows = draw(root, boxes, { x: 0, row: 0, of: root.micros });
  const height = HEAD + rows * ROW + 4;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="6" y="19" font-family="sans-serif" font-size="13">${escaped(title)}</text>`,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}

const newFrame = (name: string): Frame => ({ name, micros: 0, children: new Map() });

function add(root: Frame, process: string, { nodes, samples, timeDeltas }: Profile): void {
  const own = new Map<number, number>();
  for (const [i, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[i] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const visit = (id: number, callers: readonly Frame[]) => {
    const { callFrame, children = [] } = byId.get(id)!;
    if (callFrame.functionName === '(idle)') return;
    const caller = callers.at(-1)!;
    const name = callFrame.functionName === '(root)' ? process : nameOf(callFrame);
    const frames = name === caller.name ? callers : [...callers, childOf(caller, name)];
    for (const one of frames) one.micros += own.get(id) ?? 0;
    for (const child of children) visit(child, frames);
  };
  visit(nodes[0]!.id, [root]);
}

function childOf({ children }: Frame, name: string): Frame {
  const child = children.get(name) ?? newFrame(name);
  children.set(name, child);
  return child;
}

/** Our own functions by name and file, others by their library. */
function nameOf({ functionName, url }: Profile['nodes'][number]['callFrame']): string {
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (library) return library;
  if (url.startsWith('node:')) return 'node';
  const file = /(?:libs|apps|bench)\/(.+)\.js$/.exec(url)?.[1]?.replace('/dist/', '/');
  return file ? `${functionName || 'a function'} ${file}` : functionName || 'the engine';
}

function colourOf(name: string, row: number): string {
  if (row <= 1) return COLOURS.process;
  if (name.startsWith('(')) return COLOURS.engine;
  if (name === 'node') return COLOURS.node;
  return name.includes(' ') ? COLOURS.own : COLOURS.library;
}

/** @returns how many rows there are */
function draw({ name, micros, children }: Frame, boxes: string[], { x, row, of }: { x: number; row: number; of: number }): number {
  const width = (WIDTH * micros) / (of || 1);
  if (width < NARROWEST) return row;
  const y = HEAD + row * ROW;
  const what = `${name} ${((100 * micros) / (of || 1)).toFixed(1)} %`;
  const letters = Math.floor((width - 4) / LETTER);
  const text = letters < 3 ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}" fill="#ffffff">${escaped(what.slice(0, letters))}</text>`;
  const size = `width="${(width - 0.5).toFixed(1)}" height="${ROW - 1}"`;
  boxes.push(`<g><title>${escaped(what)}</title><rect x="${x.toFixed(1)}" y="${y}" ${size} fill="${colourOf(name, row)}"/>${text}</g>`);
  let left = x;
  let rows = row + 1;
  for (const child of [...children.values()].sort((a, b) => b.micros - a.micros)) {
    rows = Math.max(rows, draw(child, boxes, { x: left, row: row + 1, of }));
    left += (WIDTH * child.micros) / (of || 1);
  }
  return rows;
}
