import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

interface Outcomes {
  readonly fixtures: readonly { name: string; files: Record<string, string>; expected: Record<string, string> }[];
  readonly refusals: readonly { generator: string; options: Record<string, string>; expected: string; refused: string }[];
}

// The generators are modules that Jest cannot load.
const outcomes = JSON.parse(
  execFileSync(process.execPath, [join(__dirname, 'run-fixtures.mjs')], { encoding: 'utf8', maxBuffer: 64 * 1_048_576 }),
) as Outcomes;

describe('what the generators write is what is expected, file by file (run-fixtures.mjs --write)', () => {
  it.each(outcomes.fixtures)('$name', ({ files, expected }) => {
    expect(Object.keys(files).sort()).toEqual(Object.keys(expected).sort());
    for (const [path, content] of Object.entries(files)) expect(`${path}\n${content}`).toBe(`${path}\n${expected[path]}`);
  });
});

describe('what the generators refuse, in one sentence', () => {
  it.each(outcomes.refusals.map((refusal) => ({ ...refusal, asked: Object.values(refusal.options).join(' ') })))(
    '$generator $asked',
    ({ expected, refused }) => {
      expect(refused).toContain(expected);
      expect(refused).not.toMatch(/\n\s+at /);
    },
  );
});
