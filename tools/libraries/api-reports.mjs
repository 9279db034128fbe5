// Compares what each library lets out with what is recorded in its <name>.api.md; with --write, records it. Looks at what was compiled.
// Other folders than those of the libraries can be named.
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const STATE = join(root, '.past-tense');
const SHOWN = 3;

const write = process.argv.includes('--write');
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const libraries =
  named.length > 0
    ? named.map((folder) => resolve(folder))
    : readdirSync(join(root, 'libs'))
        .map((name) => join(root, 'libs', name))
        .filter((folder) => existsSync(join(folder, 'package.json')));

mkdirSync(STATE, { recursive: true });
const found = mkdtempSync(join(STATE, 'api-'));
try {
  const entrances = libraries.map(entranceOf);
  // One program for all of them: compiling what they have in common takes longer than everything else here.
  let compilerState;
  for (const [i, folder] of libraries.entries()) {
    const config = configOf(folder, entrances[i]);
    compilerState ??= CompilerState.create(config, { additionalEntryPoints: entrances });
    const { apiReportChanged } = Extractor.invoke(config, { compilerState, localBuild: write, messageCallback: handle });
    if (apiReportChanged) say(folder);
  }
} finally {
  rmSync(found, { recursive: true, force: true });
}

function entranceOf(folder) {
  const { types } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entrance = join(folder, types);
  if (existsSync(entrance)) return entrance;
  console.error(`${relative(root, folder)} is not compiled; run npm run build.`);
  process.exit(1);
}

function configOf(folder, entrance) {
  const quiet = { default: { logLevel: 'none' } };
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(folder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entrance,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2023',
            module: 'nodenext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
            experimentalDecorators: true,
          },
          files: [entrance],
        },
      },
      // A type that is not let out and stands in what is, is part of it.
      apiReport: {
        enabled: true,
        reportFileName: basename(folder),
        reportFolder: folder,
        reportTempFolder: found,
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { compilerMessageReporting: quiet, extractorMessageReporting: quiet, tsdocMessageReporting: quiet },
    },
  });
}

/** What it would print about itself. */
function handle(message) {
  message.handled = message.logLevel !== 'error';
}

function say(folder) {
  const report = `${basename(folder)}.api.md`;
  const place = relative(root, join(folder, report));
  if (write) return console.log(`${place} is up to date again.`);
  process.exitCode = 1;
  const recorded = existsSync(join(folder, report)) ? linesOf(join(folder, report)) : [];
  const now = linesOf(join(found, report));
  const changes = [
    ...recorded.filter((line) => !now.includes(line)).map((line) => `gone is "${line}"`),
    ...now.filter((line) => !recorded.includes(line)).map((line) => `new is "${line}"`),
  ];
  const more = changes.length > SHOWN ? [`and ${changes.length - SHOWN} more lines`] : [];
  const what = changes.length > 0 ? [...changes.slice(0, SHOWN), ...more].join(', ') : 'its order';
  console.log(`What ${basename(folder)} lets out has changed (${what}); if it is meant, run npm run generate and commit ${place}.`);
}

function linesOf(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
