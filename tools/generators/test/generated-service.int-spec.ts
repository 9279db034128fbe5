import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Checkout, ROOT } from './checkout';

const request = readFileSync(join(__dirname, 'fixtures', 'service-with-two-events', 'request.json'), 'utf8');
const { name } = (JSON.parse(request) as { options: { name: string } }).options;
// Its tests start a stack of their own, so the one that all suites share is not needed a second time.
const JEST = `module.exports = { ...require('./jest.config.cjs'), roots: ['<rootDir>/apps'], globalSetup: undefined, globalTeardown: undefined };`;

let checkout: Checkout;
beforeAll(async () => {
  checkout = new Checkout();
  await checkout.node(join(__dirname, 'generate-into.mjs'), checkout.root, request);
  await checkout.node('libs/contracts/gate/check.mjs', '--write');
});
afterAll(() => checkout.remove());

describe('a service that was written by its generator', () => {
  it('compiles with its tests, and leaves nothing for ESLint to say', async () => {
    await Promise.all([checkout.tool('tsc', '-p', `apps/${name}/tsconfig.json`), checkout.tool('eslint', `apps/${name}`)]);
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

    const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(join(checkout.root, 'tests.json'), 'utf8')) as Record<string, number>;
    expect(numPassedTests).toBe(numTotalTests);
    expect(numTotalTests).toBeGreaterThanOrEqual(5);
  });
});

describe('npx nx g', () => {
  it('finds the generators, and changes nothing in a dry run', () => {
    const state = () => spawnSync('git', ['status', '--porcelain'], { cwd: ROOT, encoding: 'utf8' }).stdout;
    const before = state();
    const { options } = JSON.parse(request) as { options: Record<string, string> };
    const flags = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), 'g', 'service', ...flags, '--dry-run'],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, NX_DAEMON: 'false' },
      },
    );

    expect(stdout + stderr).toContain(`CREATE apps/${name}/src/${name}.messages.ts`);
    expect(state()).toBe(before);
  });
});
