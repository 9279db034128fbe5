import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Checkout, ROOT } from './checkout';

interface Request {
  readonly generator: string;
  readonly options: Readonly<Record<string, string>>;
}

/** What a document tells its reader to run; what several tell is run once. */
const commands = new Set(
  ['README.md', 'docs/how-to/add-a-service.md', 'docs/how-to/add-an-event.md', 'docs/commands.md'].flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^ *npx nx g (.+)$/gm)].map(([, words]) => words!),
  ),
);

/** The options of a command, as Nx reads them. */
function requestOf(command: string): Request {
  const [generator, ...words] = command.split(' ');
  const schema = readFileSync(join(ROOT, 'tools', 'generators', 'src', generator!, 'schema.json'), 'utf8');
  const { properties } = JSON.parse(schema) as { properties: Record<string, { $default?: { index: number } }> };
  const options: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 1) {
    const flag = /^--(.+)$/.exec(words[i]!)?.[1];
    const name = flag ?? Object.entries(properties).find(([, { $default }]) => $default?.index === i)![0];
    options[name] = flag ? words[(i += 1)]! : words[i]!;
  }
  return { generator: generator!, options };
}

const requests = [...commands].map(requestOf);
const written = requests.find(({ generator }) => generator === 'service')!;
const name = written.options['name']!;
// Its tests start a stack of their own, so the one that all suites share is not needed a second time.
const JEST = `module.exports = { ...require('./jest.config.cjs'), roots: ['<rootDir>/apps'], globalSetup: undefined, globalTeardown: undefined };`;

let checkout: Checkout;
beforeAll(async () => {
  checkout = new Checkout();
  for (const request of requests) await checkout.node(join(__dirname, 'generate-into.mjs'), checkout.root, JSON.stringify(request));
  await checkout.node('libs/contracts/gate/check.mjs', '--write');
});
afterAll(() => checkout.remove());

describe('the commands of the documents', () => {
  it('write a service, an event of it, a reaction of it, a reaction of another service to it and a command', () => {
    expect(
      requests.map(({ generator, options }) => `${generator} ${options['service'] ?? options['receiver'] ?? options['name']}`),
    ).toEqual([`service ${name}`, 'event invoice-cancelled', `reaction ${name}`, 'reaction orders', `command ${name}`]);
  });
});

describe('a service that was written by its generator', () => {
  it('compiles with its tests', async () => {
    await checkout.tool('tsc', '-p', `apps/${name}/tsconfig.json`);
  });

  it('publishes its events when it hears of those that it consumes, on real parts: its own tests say so', async () => {
    // Of what it runs on, the contracts and the scopes have changed; what has just been checked need not be checked again.
    await checkout.tool('tsc', '-b', 'libs/contracts/tsconfig.build.json', 'libs/auth/tsconfig.build.json');
    await checkout.tool('tsc', '-p', `apps/${name}/tsconfig.build.json`, '--noCheck');
    writeFileSync(join(checkout.root, 'jest.of-generated.cjs'), JEST);
    await checkout.tool(
      'jest',
      '--config',
      'jest.of-generated.cjs',
      '--forceExit',
      '--maxWorkers=1',
      '--json',
      '--outputFile=tests.json',
      `apps/${name}`,
    );

    const { testResults } = JSON.parse(readFileSync(join(checkout.root, 'tests.json'), 'utf8')) as {
      testResults: { assertionResults: { title: string; status: string }[] }[];
    };
    const results = testResults.flatMap(({ assertionResults }) => assertionResults);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(results.map(({ title }) => title)).toEqual(
      expect.arrayContaining(['the invoice is issued, and the fact published', expect.stringContaining('that happens once (D2)')]),
    );
  });
});

describe('npx nx g', () => {
  it('finds the generators, and changes nothing in a dry run', () => {
    const state = () => spawnSync('git', ['status', '--porcelain'], { cwd: ROOT, encoding: 'utf8' }).stdout;
    const before = state();
    const flags = Object.entries(written.options).map(([option, value]) => `--${option}=${value}`);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), 'g', 'service', ...flags, '--dry-run'],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, NX_DAEMON: 'false' },
      },
    );

    // Nx writes in colours where Jest was started at a terminal.
    expect(stripVTControlCharacters(stdout + stderr)).toContain(`CREATE apps/${name}/src/${name}.messages.ts`);
    expect(state()).toBe(before);
  });
});
