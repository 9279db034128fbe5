import { Issuer } from '@past-tense/local';
import { freePort, kafkaBrokers, testDatabase } from '@past-tense/testing';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlainProject } from './plain-project';
import { exampleOf, libraries } from './readmes';

const CHAIN = 'append-publish-consume';
const ordersSecret = 'only-for-tests-of-libraries';
const folder = mkdtempSync(join(tmpdir(), 'past-tense-libraries-'));

let project: PlainProject;
let issuer: Issuer;
let wrong: string[];
beforeAll(async () => {
  issuer = new Issuer({ dataDir: folder, logFile: join(folder, 'issuer.log'), port: await freePort(), ordersSecret });
  await issuer.start();
  project = PlainProject.make();
  for (const library of libraries) project.add(`${library}.ts`, exampleOf(library));
  project.add(`${CHAIN}.js`, readFileSync(join(__dirname, 'programs', `${CHAIN}.js`), 'utf8'));
  wrong = project.compile();
});
afterAll(async () => {
  await issuer.stop();
  rmSync(folder, { recursive: true });
  project.delete();
});

/** Runs a program of the project on real parts; each has a database and ports of its own. */
async function run(program: string) {
  const { PAST_TENSE_TEST_POSTGRES, PAST_TENSE_TEST_KAFKA } = process.env;
  return await project.run(program, {
    PAST_TENSE_TEST_POSTGRES,
    PAST_TENSE_TEST_KAFKA,
    DATABASE_URL: await testDatabase(),
    KAFKA_BROKERS: kafkaBrokers().join(','),
    AUTH_ISSUER: issuer.url,
    ORDERS_CLIENT_SECRET: ordersSecret,
    DEPLOYMENT: 'development',
    HTTP_PORT: String(await freePort()),
    GRPC_PORT: String(await freePort()),
  });
}

describe('a plain Node project with the packed libraries', () => {
  it('compiles what the READMEs show, and every declaration that was packed', () => {
    expect(wrong).toEqual([]);
  });

  it('has an append published by the relay and consumed once, in its trace and its flow', async () => {
    const { code, said } = await run(CHAIN);

    expect({ code, said }).toMatchObject({ code: 0 });
    expect(JSON.parse(said.trim().split('\n').at(-1)!)).toEqual({
      versions: [1, 2],
      letters: ['PARCEL-1', 'PARCEL-2'],
      inTheirTraces: true,
      inTheirFlow: true,
    });
  });

  it('cannot look past the entrance of a library', async () => {
    project.add('deep.js', `import '@past-tense/outbox/dist/relay.js';`);
    const { code, said } = await run('deep');

    expect(code).toBe(1);
    expect(said).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it.each(libraries)('runs what the README of %s shows', async (library) => {
    const { code, said } = await run(library);

    expect({ code, ...(code !== 0 && { said }) }).toEqual({ code: 0 });
  });
});

describe.each(libraries)('%s, packed', (library) => {
  it('declares whatever it imports', () => {
    expect(project.undeclaredBy(library)).toEqual([]);
  });

  it('holds what was compiled and its README, without tests and sources', () => {
    const files = project.filesOf(library);

    expect(files).toEqual(expect.arrayContaining(['README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']));
    expect(files.filter((file) => /(^|[/.])(int-|e2e-)?spec\.|^(src|test)\/|\.map$|tsbuildinfo/.test(file))).toEqual([]);
  });
});
