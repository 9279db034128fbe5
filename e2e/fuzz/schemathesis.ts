import { ROOT, tokenOf, type ServiceName } from '@past-tense/local';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../system';

const VERSION = '4.32.5';
const HOME = join(ROOT, '.past-tense', 'schemathesis');
const PROGRAM = join(HOME, 'bin', 'schemathesis');
const RUNS: readonly [service: ServiceName, caller: string][] = [
  ['orders', 'customer-8'],
  ['orders', 'support'],
  ['orders', 'operator'],
  ['payments', 'support'],
  ['shipping', 'support'],
  ['tracking', 'customer-8'],
];

// What a schema cannot say: lines in two currencies, a target that resolves to a private address; and what has not changed is no refusal.
const CONFIG = `
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "304"]

# Nor what makes an address one that can be called.
[[operations]]
include-path-regex = "^/webhooks"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]
`;

/**
 * Asks the property-based fuzzer Schemathesis (https://schemathesis.readthedocs.io) to find a request that the OpenAPI document of a service
 * is wrong about. It is installed from the Python package index into .past-tense/ first.
 * @param examples requests for each operation and kind of test
 * @returns the services, and as whom, that it found something in; what it found was printed
 */
export async function fuzzFromOutside(system: System, { seed, examples }: { seed: number; examples: number }): Promise<string[]> {
  install();
  const config = join(HOME, 'past-tense.toml');
  writeFileSync(config, CONFIG);
  const found: string[] = [];
  for (const [service, caller] of RUNS) {
    process.stdout.write(`\n${service}, as ${caller}\n`);
    const url = system.stack.url(service);
    const token = await tokenOf(system.stack.issuer.url, caller);
    const args = ['--config-file', config, 'run', `${url}/openapi.json`, '--url', url, '--header', `Authorization: Bearer ${token}`];
    const child = spawn(PROGRAM, [...args, '--max-examples', String(examples), '--seed', String(seed), '--no-color'], {
      stdio: 'inherit',
      cwd: HOME,
    });
    const [status] = (await once(child, 'exit')) as [number | null];
    if (status !== 0) found.push(`${service} as ${caller}`);
  }
  return found;
}

function install(): void {
  if (existsSync(PROGRAM)) return;
  mkdirSync(HOME, { recursive: true });
  process.stdout.write(`Installing Schemathesis ${VERSION} into .past-tense/schemathesis …\n`);
  try {
    execFileSync('python3', ['-m', 'venv', HOME], { stdio: 'pipe' });
    execFileSync(join(HOME, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`], { stdio: 'pipe' });
  } catch (error) {
    throw new Error(
      `Schemathesis cannot be installed; it needs Python 3.10 or later with venv, and its package index (${(error as Error).message.split('\n')[0]}).`,
    );
  }
}
