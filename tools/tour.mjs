// Keeps the links of docs/tour.md on the lines they name: a link to a line holds, in backticks, words that stand on that line.
// `node tools/tour.mjs` says which links do not, and exits with 1; --write puts right what can only be meant in one way.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TOUR = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'tour.md');
const LINK = /\[(`+)( ?)(.+?)\2\1\]\(([^)#]+)#L(\d+)\)/g;

const { values, positionals } = parseArgs({ options: { write: { type: 'boolean' } }, allowPositionals: true });
const file = positionals[0] ?? TOUR;
const text = readFileSync(file, 'utf8');
const wrong = [];

const right = text.replace(LINK, (link, ticks, _space, words, path, line) => {
  const place = `${file.slice(file.lastIndexOf('/') + 1)}:${text.slice(0, text.indexOf(link)).split('\n').length}`;
  const linked = join(dirname(file), path);
  if (!existsSync(linked)) {
    wrong.push(`${place}: there is no ${path}; link to where "${words}" is now.`);
    return link;
  }
  const lines = readFileSync(linked, 'utf8').split('\n');
  if (lines[Number(line) - 1]?.includes(words)) return link;
  const found = lines.flatMap((one, i) => (one.includes(words) ? [i + 1] : []));
  if (found.length === 1 && values.write) return link.replace(/#L\d+\)$/, `#L${found[0]})`);
  if (found.length === 0) wrong.push(`${place}: "${words}" is not in ${path} any more; name what is there now.`);
  else if (found.length > 1) wrong.push(`${place}: "${words}" is on the lines ${found.join(', ')} of ${path}, not on ${line}; choose one.`);
  else wrong.push(`${place}: "${words}" is on line ${found[0]} of ${path}, not on ${line}; npm run generate puts it right.`);
  return link;
});
if (right !== text) writeFileSync(file, right);
for (const sentence of wrong) console.error(sentence);
process.exitCode = wrong.length > 0 ? 1 : 0;
