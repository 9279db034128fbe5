import { parseArgs } from 'node:util';
import { System } from '../system';
import { barrage, type BarrageReport } from './barrage';
import { fuzzFromOutside } from './schemathesis';

const USAGE = `Usage: npm run fuzz -- [options]

  --seed <number>       the same requests in the same order as another run (a random one, if left out)
  --requests <number>   hostile requests (10000)
  --examples <number>   requests of Schemathesis for each operation and kind of test (100); 0 leaves it out

It starts a system of its own on free ports, sends it what is no request, a lie, too much or too slow, over HTTP and gRPC, and then lets
Schemathesis look for requests that the OpenAPI documents are wrong about. No answer may be a fault of the server or tell of its inside.
`;
const BAR = 24;
const MIB = 1_048_576;

async function fuzz(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      requests: { type: 'string', default: '10000' },
      examples: { type: 'string', default: '100' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const seed = wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 1_000_000)));
  const [requests, examples] = [wholeNumber('requests', values.requests), wholeNumber('examples', values.examples)];
  process.stdout.write(`Seed ${seed}\n`);
  const system = await System.start({ HTTP_REQUEST_TIMEOUT_MS: '2000' });
  try {
    const report = await barrage(system, { seed, requests, progress });
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    process.stdout.write(asText(report));
    const found = examples > 0 ? await fuzzFromOutside(system, { seed, examples }) : [];
    if (found.length > 0) process.stdout.write(`Schemathesis found something in ${found.join(', ')}.\n`);
    process.exitCode = report.faults.length + found.length > 0 ? 1 : 0;
  } finally {
    await system.end();
  }
}

function progress(done: number): void {
  if (!process.stdout.isTTY) return;
  const filled = Math.min(BAR, Math.round(BAR * done));
  process.stdout.write(`\r\u001b[K[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${Math.round(done * 100)} %`);
}

function asText({ answers, grpc, faults, memory }: BarrageReport): string {
  const lines = Object.entries(answers)
    .sort()
    .map(([attack, statuses]) => `  ${attack.padEnd(50)} ${counts(statuses)}`);
  const grown = Object.entries(memory).map(
    ([service, [warm, end]]) => `${service} ${Math.round(warm / MIB)} → ${Math.round(end / MIB)} MiB`,
  );
  return [
    ...lines,
    `  ${'over gRPC'.padEnd(50)} ${counts(grpc)}`,
    `Memory: ${grown.join(', ')}`,
    faults.length === 0 ? 'No faults.' : `Faults:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    '',
  ].join('\n');
}

function counts(statuses: Readonly<Record<string, number>>): string {
  return Object.entries(statuses)
    .map(([status, count]) => `${status} × ${count}`)
    .join(', ');
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} must be a whole number, not "${text}".`);
}

// Ends by way of process.exit, which takes every process of the system along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

fuzz().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
});
