import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HOME = join(__dirname, '..');

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the gate of the contracts in a folder as npm does. */
async function gate(contracts: string, ...args: string[]): Promise<Said> {
  return run(process.execPath, [join(contracts, 'gate', 'check.mjs'), ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, out: stdout, err: stderr }),
  );
}

describe('the gate', () => {
  it('has nothing to say of the contracts as they are', async () => {
    expect(await gate(HOME, '--generated')).toMatchObject({ code: 0, err: '' });
  });

  it('asks for a day that exists', async () => {
    const { code, err } = await gate(HOME, '--today', '2027-02-29');

    expect(err).toContain('--today is "2027-02-29", which is no day');
    expect(code).toBe(1);
  });

  it('says how it is used', async () => {
    expect(await gate(HOME, '--help')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Usage: .*--generated/) as never });

    const { code, err } = await gate(HOME, '--releese');
    expect(err).toMatch(/^The contracts cannot be checked: Unknown option '--releese'.*\.\nUsage: /);
    expect(code).toBe(1);
  });

  describe('on a checkout', () => {
    let copy: string;
    let contracts: string;
    let today: string;

    beforeAll(() => {
      copy = mkdtempSync(join(tmpdir(), 'past-tense-contracts-'));
      contracts = join(copy, 'libs', 'contracts');
      cpSync(HOME, contracts, { recursive: true, filter: (path) => !/(node_modules|dist|test)$/.test(path) });
      symlinkSync(join(HOME, '..', '..', 'node_modules'), join(copy, 'node_modules'));
      // Nothing is released before the last release, whatever the clock says.
      today = [releases().at(-1)!.date, new Date().toISOString().slice(0, 10)].sort().at(-1)!;
    });

    afterAll(() => rmSync(copy, { recursive: true, force: true }));

    const releases = (): { number: number; date: string; events: string[] }[] =>
      JSON.parse(readFileSync(join(contracts, 'released', 'releases.json'), 'utf8')) as never;
    const change = (file: string, from: string, to: string): void => {
      const path = join(contracts, file);
      const before = readFileSync(path, 'utf8');
      expect(before).toContain(from);
      writeFileSync(path, before.replace(from, to));
    };

    it('asks for generated code that is current, and releases once', async () => {
      const uuid = '  string order_id = 1 [(buf.validate.field).string.uuid = true];\n';
      change('proto/order/v1/order_completed.proto', uuid, `${uuid}  // Parcels.\n  optional uint32 parcels = 2;\n`);
      expect(await gate(contracts, '--today', today)).toMatchObject({
        code: 0,
        err: '',
        out: expect.stringMatching(
          /^note: libs\/contracts\/src\/gen\/\S+:1: the generated code is not what the \.proto files say/m,
        ) as never,
      });
      expect((await gate(contracts, '--generated', '--today', today)).code).toBe(1);
      expect(await gate(contracts, '--release', '--today', today)).toMatchObject({
        code: 1,
        err: expect.stringMatching(
          /^libs\/contracts\/src\/gen\/\S+:1: the generated code .*run: npm run contracts:generate\.\nNothing was released; the lines above say why\.\n$/,
        ) as never,
      });
      expect(await gate(contracts, '--write', '--today', today)).toMatchObject({ code: 0, err: '' });

      const first = await gate(contracts, '--release', '--today', today);
      const { number, events } = releases().at(-1)!;
      expect(first.out).toContain(`Release ${number} of ${today} is in libs/contracts/released; commit it.`);
      expect(first.out).toMatch(/^Added what it writes to the corpus: .*order\.v1\.OrderCompleted/m);
      expect(events).toContain('order.v1.OrderCompleted');
      expect(readdirSync(join(contracts, 'released', 'corpus', String(number)))).toEqual(
        events.flatMap((event) => [`${event}.bin`, `${event}.json`]),
      );

      const image = readFileSync(join(contracts, 'released', 'image.binpb'));
      expect(await gate(contracts, '--release', '--today', '2099-01-01')).toMatchObject({
        code: 0,
        out: expect.stringContaining(`Nothing is new since release ${number} of ${today}.`) as never,
      });
      expect(readFileSync(join(contracts, 'released', 'image.binpb'))).toEqual(image);
      expect(releases()).toHaveLength(number);
    });

    it('prints no description that ends the comment it stands in', async () => {
      change('proto/order/v1/order_completed.proto', 'description: "An order', 'description: "*/ An order');

      expect(await gate(contracts, '--write', '--today', today)).toMatchObject({ code: 0, err: '' });

      expect(readFileSync(join(contracts, 'src', 'gen', 'events.ts'), 'utf8')).toContain('/** *\\/ An order was paid');
    });
  });
});

describe('a checkout that is not whole', () => {
  const MODULES = join(HOME, '..', '..', 'node_modules');
  let copy: string;
  let contracts: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'past-tense-contracts-'));
    contracts = join(copy, 'libs', 'contracts');
    cpSync(HOME, contracts, { recursive: true, filter: (path) => !/(node_modules|dist|test)$/.test(path) });
  });

  afterEach(() => rmSync(copy, { recursive: true, force: true }));

  /** Packages as npm installs them, but with this program in place of buf, or with none. */
  function install(buf?: string): void {
    const of = join(copy, 'node_modules', '@bufbuild');
    mkdirSync(of, { recursive: true });
    for (const name of readdirSync(join(MODULES, '@bufbuild'))) {
      if (!name.startsWith('buf-')) symlinkSync(join(MODULES, '@bufbuild', name), join(of, name));
      else if (buf !== undefined) {
        mkdirSync(join(of, name, 'bin'), { recursive: true });
        writeFileSync(join(of, name, 'bin', 'buf'), buf);
        chmodSync(join(of, name, 'bin', 'buf'), 0o755);
      }
    }
  }
  const refusal = async (): Promise<string> => {
    const { code, err } = await gate(contracts);
    expect(code).toBe(1);
    return err;
  };

  it('is told to install packages', async () => {
    expect(await refusal()).toBe('The contracts cannot be checked: @bufbuild/protobuf is not installed; run npm ci.\n');
  });

  it.each([
    ['no program', undefined, /^@bufbuild\/buf-\S+ is not installed; run npm ci, without --omit=optional\.$/],
    ['one that is killed', '#!/bin/sh\nkill -9 $$\n', /^buf was ended by SIGKILL before it was done; see to memory and run it again\.$/],
    [
      'one that says nothing',
      '#!/bin/sh\n',
      /^buf build failed \(it ended with 0 and said nothing\); run npm ci, which installs it anew\.$/,
    ],
    ['one that is none', '#!/nowhere\n', /^buf cannot be started \(.*\); run npm ci\.$/],
  ])('is told what is wrong with buf: %s', async (_, program, sentence) => {
    install(program);

    const prefix = 'The contracts cannot be checked: ';
    const said = (await refusal()).trimEnd();
    expect(said.slice(0, prefix.length)).toBe(prefix);
    expect(said.slice(prefix.length)).toMatch(sentence);
  });

  it('is told which file is missing or cannot be read', async () => {
    symlinkSync(MODULES, join(copy, 'node_modules'));
    const turnIntoFolder = (...path: string[]): void => {
      rmSync(join(contracts, ...path));
      mkdirSync(join(contracts, ...path));
    };
    turnIntoFolder('released', 'image.binpb');
    turnIntoFolder('examples', 'order.v1.OrderCompleted.json');
    expect((await refusal()).split('\n')).toEqual([
      expect.stringContaining('the example of order.v1.OrderCompleted must be readable (EISDIR), because '),
      expect.stringContaining('image.binpb must be what the last release wrote, because '),
      '',
    ]);

    turnIntoFolder('released', 'corpus', '1', 'order.v1.OrderCompleted.bin');
    expect(await refusal()).toMatch(/^The contracts cannot be checked: .+ cannot be read or written \(EISDIR\); .*\.\n$/);

    renameSync(join(contracts, 'commands', 'shipping'), join(contracts, 'proto', 'shipping'));
    expect(await refusal()).toMatch(/^The contracts cannot be checked: libs\/contracts\/commands holds no \.proto file, .*\.\n$/);

    renameSync(join(contracts, 'buf.yaml'), join(contracts, 'buf.yml'));
    expect(await refusal()).toMatch(/^The contracts cannot be checked: libs\/contracts\/buf\.yaml is missing, .*\.\n$/);
  });
});

describe('a change of a contract', () => {
  interface Result {
    readonly expected: string[];
    readonly said: string[];
    readonly error?: string;
  }
  let results: Record<string, Result>;
  const fixtures = (kind: string) =>
    readdirSync(join(__dirname, 'fixtures', kind)).map((file) => {
      const name = file.replace(/\.txt$/, '');
      return [name, readFileSync(join(__dirname, 'fixtures', kind, file), 'utf8').split('\n')[0]!, `${kind}/${name}`] as const;
    });

  beforeAll(async () => {
    const { stdout } = await run(process.execPath, [join(__dirname, 'run-fixtures.mjs')], { maxBuffer: 64 * 1_048_576 });
    results = JSON.parse(stdout) as Record<string, Result>;
  }, 300_000);

  it.each(fixtures('breaking'))('is refused: %s (%s)', (_, __, fixture) => {
    const { expected, said, error } = results[fixture]!;

    expect(error).toBeUndefined();
    expect(said).toEqual(expected);
    const findings = said.filter((line) => !line.startsWith('note: '));
    expect(findings.length).toBeGreaterThan(0);
    for (const line of findings) expect(line).toMatch(/^libs\/contracts\/[\w./]+:\d+: .+, because .+; .+\.$/);
  });

  it.each(fixtures('safe'))('is let through: %s (%s)', (_, __, fixture) => {
    const { expected, said, error } = results[fixture]!;

    expect(error).toBeUndefined();
    expect(said).toEqual(expected);
    expect(said.filter((line) => !line.startsWith('note: '))).toEqual([]);
  });
});

describe('the how-to', () => {
  it('shows what the gate says', () => {
    const shown = readFileSync(join(HOME, '..', '..', 'docs', 'how-to', 'change-an-event.md'), 'utf8')
      .split('\n')
      .filter((line) => /^(note: )?libs\/contracts\/.*:\d+: /.test(line));
    const said = new Set(
      ['breaking', 'safe'].flatMap((kind) =>
        readdirSync(join(__dirname, 'fixtures', kind)).flatMap((file) =>
          readFileSync(join(__dirname, 'fixtures', kind, file), 'utf8').split('\n'),
        ),
      ),
    );

    expect(shown.length).toBeGreaterThan(20);
    expect(shown.filter((line) => !said.has(line))).toEqual([]);
  });
});
