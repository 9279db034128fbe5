import { allTopics } from '@past-tense/contracts';
import { Complaint, ROOT } from '@past-tense/local';
import { join } from 'node:path';
import { environmentOf } from './environment';
import { readRequest } from './request';
import { USAGE } from './usage';

/** Becomes the program of the service: whoever kills this process kills the rebuild, and nothing is left running. */
async function main(): Promise<void> {
  const consumers = [...new Set(allTopics().flatMap((topic) => topic.consumers))].sort();
  const request = readRequest(process.argv.slice(2), consumers);
  if (!request) return void process.stdout.write(USAGE);
  const program = join(ROOT, 'apps', request.consumer, 'dist', 'main.js');
  Object.assign(process.env, environmentOf(request.consumer, process.env));
  process.argv = [process.execPath, program, 'rebuild', ...request.args];
  await import(program);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Complaint ? error.message : `The tool stopped: ${(error as Error).message}`}\n`);
  process.exitCode = 1;
});
