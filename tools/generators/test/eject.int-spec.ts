import { freePort, PART_PORTS, ROOT, SERVICE_PORTS } from '@past-tense/local';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const HOME_BIN = join(ROOT, 'node_modules', '.bin');

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'past-tense-eject-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly said: string;
}

/** Runs a program to its end, in an environment without what this test run has put there. */
async function run(cwd: string, program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = Object.fromEntries(
    Object.entries({ ...process.env, NX_DAEMON: 'false', ...more }).filter(
      ([name]) => !/^(JEST_|PAST_TENSE_TEST_|NODE_ENV$|INIT_CWD$)/.test(name),
    ),
  );
  return await new Promise((resolve) =>
    execFile(program, args, { cwd, env, maxBuffer: 64e6 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, said: stdout + stderr }),
    ),
  );
}

const generate = (...args: string[]) => run(ROOT, join(HOME_BIN, 'nx'), ['g', 'eject', ...args]);

/** Ejects a service. */
async function ejected(service: string): Promise<string> {
  const target = join(folder, `my-${service}`);
  expect(await generate(service, target)).toMatchObject({ code: 0 });
  return target;
}

/** Installs what the lock file names and nothing else, from what is installed here: as `npm ci` does, without unpacking it all once more. */
async function install(target: string): Promise<void> {
  expect(await run(target, 'npm', ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit'])).toMatchObject({ code: 0 });
  const { packages } = JSON.parse(readFileSync(join(target, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { link?: boolean; resolved?: string }>;
  };
  for (const [path, { link, resolved }] of Object.entries(packages)) {
    const isNested = path.split('node_modules/').length !== 2;
    if (isNested || (!link && !existsSync(join(ROOT, path)))) continue; // It comes with the one it is nested in, or is for another platform.
    mkdirSync(dirname(join(target, path)), { recursive: true });
    symlinkSync(link ? join(target, resolved!) : join(ROOT, path), join(target, path));
  }
  mkdirSync(join(target, '.past-tense'));
  symlinkSync(join(ROOT, '.past-tense', 'jars'), join(target, '.past-tense', 'jars'));
}

const inTarget = async (target: string, tool: string, ...args: string[]) => await run(target, join(HOME_BIN, tool), args);

const filesBelow = (target: string, kind: string) =>
  readdirSync(join(target, kind), { recursive: true, encoding: 'utf8' })
    .filter((file) => !/(^|\/)(node_modules|dist)\//.test(file))
    .map((file) => join(kind, file));

describe('nx g eject', () => {
  it('orders: installs, compiles, tests and starts by itself', async () => {
    const target = await ejected('orders');
    await install(target);

    expect(readdirSync(join(target, 'apps'))).toEqual(['orders']);
    expect(await run(target, 'npm', ['run', '--silent', 'build'])).toEqual({ code: 0, said: expect.any(String) as string });
    const ports: NodeJS.ProcessEnv = {};
    for (const part of Object.keys({ ...SERVICE_PORTS, ...PART_PORTS })) ports[`${part.toUpperCase()}_PORT`] = String(await freePort());
    const [tests, started] = await Promise.all([
      // Some of its tests: all of them have run here already, and those on real parts would start them a second time, beside what is started here.
      inTarget(target, 'jest', '--forceExit', '--maxWorkers=1', 'apps/orders/src'),
      run(target, process.execPath, [join('infra', 'local', 'dist', 'start.js'), '--once'], ports),
    ]);
    expect(tests).toEqual({ code: 0, said: expect.stringMatching(/Tests: .*[1-9]\d* passed/) as string });
    expect(started).toEqual({ code: 0, said: expect.stringMatching(/^ {2}orders .*\n(.*\n)*Ready after/m) as string });
    expect(started.said).not.toContain('payments');
  }, 240_000);

  it.each([
    ['payments', ['payments', 'sandbox']],
    ['shipping', ['sandbox', 'shipping']],
    ['tracking', ['tracking']],
  ])('%s: takes along every package that anything of it imports, and the sandbox if it calls it', async (service, apps) => {
    const target = join(folder, 'shop');
    const request = JSON.stringify({ generator: 'eject', options: { service, target } });
    const { said } = await run(ROOT, process.execPath, [join(__dirname, 'would-write.mjs'), request]);
    // All of it goes through Nx's tree, so a dry run changes nothing.
    expect(existsSync(target)).toBe(false);
    const files = JSON.parse(said) as { path: string; content: string }[];

    const packages = files
      .filter(({ path }) => /(apps|libs|infra)\/[\w-]+\/package\.json$/.test(path))
      .map(({ content }) => (JSON.parse(content) as { name: string }).name);
    const imported = files
      .filter(({ path }) => /\/(apps|libs|infra)\/.*\.[cm]?[jt]s$/.test(path))
      .flatMap(({ content }) => [...content.matchAll(/(?:from|import\()\s*'(@past-tense\/[\w-]+)/g)].map(([, name]) => name!));
    expect([...new Set(files.flatMap(({ path }) => /\/apps\/([\w-]+)\//.exec(path)?.[1] ?? []))].sort()).toEqual(apps);
    expect(packages).toContain(`@past-tense/${service}`);
    expect([...new Set(imported)].filter((name) => !packages.includes(name))).toEqual([]);
  });

  it('links from its texts only to what came along', async () => {
    const target = join(folder, 'my-orders');
    const texts = ['README.md', ...['apps', 'libs', 'infra', 'docs'].flatMap((kind) => filesBelow(target, kind))].filter((file) =>
      file.endsWith('.md'),
    );
    expect(texts).toContain(join('apps', 'orders', 'README.md'));

    for (const file of texts) {
      const links = [...readFileSync(join(target, file), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!);
      const dead = links.filter((link) => !/^\w+:/.test(link) && !existsSync(join(target, dirname(file), link)));
      expect([file, dead]).toEqual([file, []]);
    }
  });
});
