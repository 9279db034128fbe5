import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** What an expression with something of these modules is; Jest does not load ES modules. */
function evaluate(module: string, expression: string): unknown {
  const code = `import * as module from ${JSON.stringify(join(HOME, module))}; console.log(JSON.stringify(${expression}));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }));
}

describe('the gate', () => {
  it('has nothing to say of the contracts as they are', async () => {
    expect(await gate(HOME)).toMatchObject({ code: 0, err: '' });
  });

  it('asks for a day that exists', async () => {
    const { code, err } = await gate(HOME, '--today', '2027-02-29');

    expect(err).toContain('--today is "2027-02-29", which is no day');
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

describe('the name of an event', () => {
  it.each([
    [true, ['OrderCompleted', 'OrderPaid', 'ParcelLost', 'LimitSet', 'PriceAgreed', 'StockFrozen']],
    [
      false,
      [
        'OrderComplete',
        'CompleteOrder',
        'OrderCompleting',
        'OrderCompletion',
        'OrderCompletedEvent',
        'CompleteOrderCommand',
        'OrderSpeed',
        'Completed',
      ],
    ],
  ])('says what happened (%s)', (expected, names) => {
    expect(evaluate('generator/names.mjs', `${JSON.stringify(names)}.filter(module.saysWhatHappened)`)).toEqual(expected ? names : []);
  });
});

describe('the name of a command', () => {
  it.each([
    [true, ['SetAddress', 'ResetShipment', 'RequestRefund', 'ImplementChange', 'FeedQueue', 'BringParcel']],
    [
      false,
      [
        'CancelledShipment',
        'ShipmentCancelled',
        'CancellingShipment',
        'ShipmentCancel',
        'CancellationOfShipment',
        'CancelShipmentCommand',
        'SendShipmentRequest',
        'Cancel',
      ],
    ],
  ])('says what to do (%s)', (expected, names) => {
    const things = `new Set(['order', 'payment', 'shipment'])`;

    expect(evaluate('generator/names.mjs', `${JSON.stringify(names)}.filter((name) => module.saysWhatToDo(name, ${things}))`)).toEqual(
      expected ? names : [],
    );
  });
});

describe('the longest text that a pattern lets through', () => {
  it.each([
    ['^[A-Z]{3}$', 3],
    ['^a?b$', 2],
    ['^(ab|cde){2,3}$', 9],
    ['^(?:\\d{4}-){2}x$', 11],
    ['^\\+[0-9]{1,15}$', 16],
    ['^é$', 2],
    ['^.{2}$', 8],
    ['^[^a]$', 4],
    ['^[]a]{2}$', 2],
  ])('%s', (pattern, bytes) => {
    expect(evaluate('gate/checks/longest-match.mjs', `module.longestMatch(${JSON.stringify(pattern)})`)).toBe(bytes);
  });

  it('is none where it has no end, or none that is understood', () => {
    const patterns = [
      '[A-Z]{3}',
      '^[A-Z]{3}',
      '^a*$',
      '^a+$',
      '^a{2,}$',
      '^(a+)$',
      '^a|b$',
      '^a\\$',
      '^(?i:a)$',
      '^(a',
      '^\\pL$',
      '^(?i)a$',
    ];

    expect(
      evaluate('gate/checks/longest-match.mjs', `${JSON.stringify(patterns)}.filter((one) => module.longestMatch(one) !== Infinity)`),
    ).toEqual([]);
  });
});

describe('validation rules', () => {
  const rules: readonly (readonly [string, object, object, 'stricter' | 'looser' | 'the same'])[] = [
    ['a higher limit', { int64: { lte: '9007199254740991' } }, { int64: { lte: '9007199254740992' } }, 'looser'],
    ['a lower limit', { int64: { lte: '9007199254740992' } }, { int64: { lte: '9007199254740991' } }, 'stricter'],
    ['an exclusive limit that says the same', { int32: { lte: 10 } }, { int32: { lt: 11 } }, 'the same'],
    ['an exact length for two limits', { string: { minLen: '3', maxLen: '3' } }, { string: { len: '3' } }, 'the same'],
    ['no shortest length', { string: {} }, { string: { minLen: '0' } }, 'the same'],
    ['one value of several', { string: { in: ['a', 'b'] } }, { string: { const: 'a' } }, 'stricter'],
    ['several values for one', { enum: { const: 1 } }, { enum: { in: [1, 2] } }, 'looser'],
    ['the same values in another order', { enum: { in: [2, 1] } }, { enum: { in: [1, 2] } }, 'the same'],
    ['fewer values refused', { enum: { notIn: [0, 1] } }, { enum: { notIn: [0] } }, 'looser'],
    ['a format', { string: {} }, { string: { email: true } }, 'stricter'],
    ['another format', { string: { uuid: true } }, { string: { tuuid: true } }, 'stricter'],
    ['unique items', {}, { repeated: { unique: true } }, 'stricter'],
    [
      'rules for items',
      { repeated: { items: { string: { maxLen: '9' } } } },
      { repeated: { items: { string: { maxLen: '8' } } } },
      'stricter',
    ],
    ['no check where it is empty', { string: { uuid: true } }, { string: { uuid: true }, ignore: 'IGNORE_IF_ZERO_VALUE' }, 'looser'],
    ['a check where it is empty', { string: { uuid: true }, ignore: 'IGNORE_ALWAYS' }, { string: { uuid: true } }, 'stricter'],
    ['an expression called otherwise', { cel: [{ id: 'a', expression: 'x' }] }, { cel: [{ id: 'b', expression: 'x' }] }, 'the same'],
    ['another expression', { cel: [{ id: 'a', expression: 'x' }] }, { cel: [{ id: 'a', expression: 'y' }] }, 'stricter'],
    ['no expression', { cel: [{ id: 'a', expression: 'x' }] }, {}, 'looser'],
    ['a shorter duration', { duration: { lte: '90s' } }, { duration: { lte: '60.5s' } }, 'stricter'],
    ['an earlier end', { timestamp: { lt: '2030-01-01T00:00:00Z' } }, { timestamp: { lt: '2029-01-01T00:00:00Z' } }, 'stricter'],
    ['a rule of a later protovalidate', {}, { string: { sorted: true } }, 'stricter'],
    ['an example', {}, { string: { example: ['a'] } }, 'the same'],
    [
      'one of several fields that is required',
      { oneof: [{ fields: ['a', 'b'] }] },
      { oneof: [{ fields: ['a', 'b'], required: true }] },
      'stricter',
    ],
  ];

  it('are compared by what they let through', () => {
    const compared = evaluate(
      'gate/checks/compare-rules.mjs',
      `${JSON.stringify(rules)}.map(([name, before, after]) => {
         const { tightened, loosened } = module.compareRules(before, after);
         return [name, tightened.length > 0 ? 'stricter' : loosened.length > 0 ? 'looser' : 'the same'];
       })`,
    );

    expect(compared).toEqual(rules.map(([name, , , expected]) => [name, expected]));
  });
});
