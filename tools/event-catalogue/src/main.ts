import { join } from 'node:path';
import { bringUpToDate, readFormatting, readSources, staleFiles } from './checkout';
import { generate, whatIsWrong } from './files';
import { formatted } from './formatting';
import { readManifests } from './manifests';

const ROOT = join(__dirname, '..', '..', '..');

/** Says which files of the catalogue are not current; with --write it brings them up to date instead. */
async function main(write: boolean): Promise<void> {
  const generated = generate(readSources(ROOT, readManifests(ROOT, 'compiled')));
  const files = await formatted(generated.files, readFormatting(ROOT));
  if (write) for (const path of bringUpToDate(ROOT, files)) process.stdout.write(`${path}\n`);
  for (const note of generated.notes) process.stdout.write(`note: ${note}\n`);
  const wrong = whatIsWrong(generated, staleFiles(ROOT, files));
  for (const sentence of wrong) process.stderr.write(`${sentence}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

main(process.argv.includes('--write')).catch((error: unknown) => {
  process.stderr.write(`The catalogue of events was not made. ${(error as Error).message}\n`);
  process.exitCode = 1;
});
