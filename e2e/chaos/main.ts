import { ROOT } from '@past-tense/local';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asText } from './report';
import { runAll, SCENARIOS } from './run';
import { FULL, SHORT } from './scenario';

const USAGE = `Usage: npm run chaos -- [options]

  --seed <number>      the same faults in the same order as another run (a random one, if left out)
  --only <name,name>   some scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --short              a few minutes instead of half an hour
  --report <folder>    where the reports go (.past-tense/chaos)

It starts a system of its own on free ports, breaks it in every way it knows while orders flow, and checks from the databases
and the sandbox's books that nothing was lost and nothing done twice.
`;
const BAR = 24;

async function chaos(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      only: { type: 'string' },
      report: { type: 'string' },
      short: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error(`--seed must be a whole number, not "${values.seed}".`);
  const names = values.only?.split(',') ?? SCENARIOS.map(({ name }) => name);
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined)
    throw new Error(`There is no scenario "${unknown}"; there are ${SCENARIOS.map(({ name }) => name).join(', ')}.`);
  const folder = values.report ?? join(ROOT, '.past-tense', 'chaos');
  mkdirSync(folder, { recursive: true });

  process.stdout.write(`Seed ${seed}\n`);
  const report = await runAll(
    SCENARIOS.filter(({ name }) => names.includes(name)),
    { seed, scale: values.short ? SHORT : FULL, named: values.short ? 'short' : 'full' },
    {
      progress: ({ name }, done) => {
        if (!process.stdout.isTTY) return;
        const filled = Math.min(BAR, Math.round(BAR * done));
        process.stdout.write(`\r\u001b[K[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${name}`);
      },
      ended: ({ name, passed, seconds, violations }) => {
        if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
        process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${name} (${Math.round(seconds)} s)\n`);
        for (const violation of violations) process.stdout.write(`        ${violation}\n`);
      },
    },
  );
  const file = join(folder, `seed-${seed}`);
  writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${file}.md`, asText(report));
  process.stdout.write(`\n${asText(report)}\nReports: ${file}.md, ${file}.json\n`);
  process.exitCode = report.passed ? 0 : 1;
}

// Ends by way of process.exit, which takes every process of the system along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

chaos().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  // Not exitCode: what has been started of the system would keep this process alive.
  process.exit(1);
});
