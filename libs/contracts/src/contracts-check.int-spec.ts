import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HOME = join(__dirname, '..');
const PROTO = join('proto', 'order', 'v1', 'order_completed.proto');

/** Runs the check on a copy of the contracts with one file changed. */
async function checkWith(change: (proto: string) => string): Promise<{ ok: boolean; said: string }> {
  const copy = mkdtempSync(join(tmpdir(), 'past-tense-proto-'));
  try {
    const contracts = join(copy, 'libs', 'contracts');
    cpSync(HOME, contracts, { recursive: true, filter: (path) => !/(node_modules|dist)$/.test(path) });
    symlinkSync(join(HOME, '..', '..', 'node_modules'), join(copy, 'node_modules'));
    const file = join(contracts, PROTO);
    const before = readFileSync(file, 'utf8');
    const after = change(before);
    writeFileSync(file, after);
    const { stdout, stderr } = await run(process.execPath, [join(contracts, 'generator', 'check.mjs')]).then(
      (output) => ({ ...output, code: 0 }),
      (error: { stdout: string; stderr: string }) => ({ ...error, code: 1 }),
    );
    return { ok: stdout + stderr === '', said: stdout + stderr };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const without = (field: string) => (proto: string) => proto.replace(new RegExp(`\\n +${field}: .*`), '');
const replacing = (from: string | RegExp, to: string) => (proto: string) => proto.replace(from, to);

describe('the contracts as they are', () => {
  it('are well formed, and the generated code is current', async () => {
    expect(await checkWith((proto) => proto)).toEqual({ ok: true, said: '' });
  });
});

describe('a topic cannot be built (T2)', () => {
  it.each([
    ['without an owner', without('owner'), 'order/v1/order_completed.proto: OrderCompleted has no owner; add `owner: TEAM_…`'],
    ['without a key', without('key'), 'OrderCompleted has no key'],
    ['without a retention', without('retention_days'), 'OrderCompleted has no retention; add `retention_days: 90`'],
    ['without partitions', without('partitions'), 'OrderCompleted has no partitions'],
    ['without a cleanup policy', without('cleanup'), 'OrderCompleted has no cleanup'],
    ['without a lag objective', without('lag_slo_seconds'), 'OrderCompleted has no lag objective'],
    ['without a producer', without('producer'), 'OrderCompleted has no producer'],
    ['without a description', without('description'), 'OrderCompleted has no description'],
    [
      'without any declaration',
      replacing(/ {2}option \(past_tense[\s\S]*?};\n|import "past_tense.*\n/g, ''),
      'OrderCompleted has no topic',
    ],
    ['with an unlimited retention', replacing('retention_days: 90', 'retention_days: 40000'), 'is kept 40000 days; at most 365'],
    [
      'with a key that is no field',
      replacing('key: "order_id"', 'key: "customer_id"'),
      'has the key "customer_id", which is not one of its string fields',
    ],
    [
      'with a name of its own',
      replacing('name: "order-completed"', 'name: "orders"'),
      'a topic bears its event\'s name: "order-completed"',
    ],
    ['with an owner nobody declared', replacing('TEAM_ORDERING', 'TEAM_NOBODY'), 'TEAM_NOBODY'],
    ['without comments', replacing('  // The order.\n', ''), 'Field "order_id" should have a non-empty comment'],
  ])('%s', async (_, change, sentence) => {
    const { ok, said } = await checkWith(change);

    expect(said).toContain(sentence);
    expect(ok).toBe(false);
  });

  it('with generated code that is not what it says', async () => {
    const { said } = await checkWith(replacing('partitions: 12', 'partitions: 24'));

    expect(said).toContain('Run: npm run contracts:generate');
  });
});
