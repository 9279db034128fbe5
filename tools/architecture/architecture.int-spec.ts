import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const ROOMS_WITHOUT_A_MEANING = /(^|\/)(common|shared|utils?|helpers?|misc)(\/|\.ts$)/;

interface Linted {
  readonly name: string;
  readonly rule: string;
  readonly refused: string[];
  readonly honest: string[];
}

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .trim()
  .split('\n');

describe('each rule of the house', () => {
  const fixtures = JSON.parse(
    execFileSync(process.execPath, [join(__dirname, 'lint-fixtures.mjs')], { cwd: ROOT, encoding: 'utf8' }),
  ) as Linted[];

  it.each(fixtures)('refuses the fixture that breaks it: $name', ({ rule, refused, honest }) => {
    expect(refused).toEqual([rule]);
    expect(honest).toEqual([]);
  });
});

describe('the house', () => {
  it('has no room without a meaning', () => {
    expect(tracked.filter((file) => ROOMS_WITHOUT_A_MEANING.test(file))).toEqual([]);
  });

  it('has one entrance to each library, which names what it lets out', () => {
    for (const entrance of tracked.filter((file) => /^libs\/[^/]+\/src\/index\.ts$/.test(file))) {
      const stars = readFileSync(join(ROOT, entrance), 'utf8').match(/^export \* from .*/gm) ?? [];
      expect([entrance, stars.filter((star) => !star.includes('./gen/'))]).toEqual([entrance, []]);
    }
  });

  it('skips no test and focuses on none', () => {
    const tests = tracked.filter((file) => /\.(int-|e2e-)?spec\.ts$/.test(file) && !file.includes('architecture'));
    const silencing = /\b(it|test|describe)\.(skip|only|todo)\b|\bx(it|describe)\(|retryTimes/;
    expect(tests.filter((file) => silencing.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
  });
});
