import { Complaint } from '@past-tense/local';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { parseArgs } from 'node:util';
import type { Comparison, Sample } from './comparison';
import { COMPARISONS } from './comparisons';
import { flameGraph, type Profile } from './flame-graph';
import { thisMachine } from './machine';
import { Parts } from './parts';
import { plotOf } from './plot';
import { resultOf, type ComparisonResult, type Results } from './results';
import { comparisonText, textOf } from './text';

const USAGE = `npm run bench [-- --only relay,consumer] [--rounds 5] [--out folder]

Measures the parts of this system beside what somebody would take instead, and beside the limit, in turns on this machine. It starts a PostgreSQL and a
Kafka of its own on 127.0.0.1 and leaves nothing behind but the results: bench.md, bench.json and bench.svg in the folder (.past-tense/bench). Let
nothing else run meanwhile.

  --only    names, with commas between: ${COMPARISONS.map(({ name }) => name).join(', ')}
  --rounds  how often each is measured (5)
  --list    says what there is, and measures nothing`;

const say = (line = '') => process.stdout.write(`${line}\n`);

function options(): { chosen: readonly Comparison[]; rounds: number; out: string; list: boolean } {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        only: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        out: { type: 'string', default: join('.past-tense', 'bench') },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new Complaint(`${(error as Error).message}\n\n${USAGE}`);
  }
  if (values.help) {
    say(USAGE);
    process.exit(0);
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Complaint('--rounds must be a whole number from 1 to 100.');
  const names = values.only?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => !COMPARISONS.some((comparison) => comparison.name === name));
  if (unknown !== undefined)
    throw new Complaint(`There is no comparison "${unknown}"; there are ${COMPARISONS.map(({ name }) => name).join(', ')}.`);
  const chosen = COMPARISONS.filter(({ name }) => !names || names.includes(name));
  return { chosen, rounds, out: values.out, list: values.list };
}

/** Measures every contender once in each round; who begins changes from round to round. */
async function measure(comparison: Comparison, parts: Parts, rounds: number): Promise<ComparisonResult> {
  const { contenders } = comparison;
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < contenders.length; i += 1) {
      const contender = contenders[(i + round) % contenders.length]!;
      const sample = await contender.run(parts, round);
      samples.get(contender.name)!.push(sample);
      const [first] = Object.keys(comparison.units).filter((value) => sample.values[value] !== undefined);
      process.stderr.write(
        `${comparison.name} ${round + 1}/${rounds} ${contender.name}: ${first ? `${sample.values[first]!.toFixed(2)} ${comparison.units[first]}` : 'done'}\n`,
      );
    }
  }
  return resultOf(comparison, samples);
}

async function main(): Promise<void> {
  const { chosen, rounds, out, list } = options();
  if (list) {
    for (const { name, title, work } of chosen) say(`${name}: ${title}. ${work}`);
    return;
  }
  const startedAt = new Date();
  const comparisons: ComparisonResult[] = [];
  const keep = () => {
    const seconds = (Date.now() - startedAt.getTime()) / 1_000;
    const results: Results = { machine: thisMachine(), startedAt: startedAt.toISOString(), seconds, comparisons };
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'bench.json'), `${JSON.stringify(results, undefined, 2)}\n`);
    writeFileSync(join(out, 'bench.md'), `${textOf(results)}\n`);
    writeFileSync(join(out, 'bench.svg'), plotOf(results));
  };
  for (const comparison of chosen) {
    // Each with parts of its own: what one has written must not be what the next one waits for.
    const parts = await Parts.start();
    try {
      comparisons.push(await measure(comparison, parts, Math.min(rounds, comparison.rounds ?? rounds)));
    } finally {
      await parts.end();
    }
    keep();
    say(`\n${comparisonText(comparisons.at(-1)!)}`);
  }
  say(`\nResults: ${join(out, 'bench.md')}, bench.json, bench.svg`);
  const profiles = process.env['BENCH_PROFILE'];
  if (profiles) say(`Where the processor's time went: ${drawProfiles(profiles, chosen)}`);
}

/** Draws all profiles of a folder in one picture. */
function drawProfiles(folder: string, chosen: readonly Comparison[]): string {
  const files = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
  const profiles = files.map((file) => [parse(file).name, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile] as const);
  const picture = join(folder, 'flame-graph.svg');
  writeFileSync(picture, flameGraph(chosen.map(({ title }) => title).join(', '), new Map(profiles)));
  return picture;
}

// Whoever ends in order takes along what it has started, and deletes its data.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Complaint ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
