import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

function check(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'tools', 'tour.mjs'), ...args], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

describe('the tour', () => {
  it('has ten stops, each of which links to the lines it names', () => {
    const stops = readFileSync(join(ROOT, 'docs', 'tour.md'), 'utf8')
      .split(/^## \d+\. /m)
      .slice(1);

    expect(stops.map((stop) => /\]\([^)]+#L\d+\)/.test(stop))).toEqual(Array.from({ length: 10 }, () => true));
    expect(check()).toEqual({ status: 0, said: '' });
  });

  it('is told where a line has gone, and put right where that is plain', () => {
    const folder = mkdtempSync(join(tmpdir(), 'past-tense-tour-'));
    try {
      const tour = join(folder, 'tour.md');
      writeFileSync(join(folder, 'code.ts'), 'const one = 1;\nconst two = `${one}`;\nconst two2 = 2;\n');
      writeFileSync(
        tour,
        '[`const one`](code.ts#L2)\n[`` `${one}` ``](code.ts#L9), [`const two`](code.ts#L1) and\n[`three`](code.ts#L3), [`x`](gone.ts#L1)\n',
      );
      const plain = [
        'tour.md:1: "const one" is on line 1 of code.ts, not on 2; npm run generate puts it right.',
        'tour.md:2: "`${one}`" is on line 2 of code.ts, not on 9; npm run generate puts it right.',
      ];
      const others = [
        'tour.md:2: "const two" is on the lines 2, 3 of code.ts, not on 1; choose one.',
        'tour.md:3: "three" is not in code.ts any more; name what is there now.',
        'tour.md:3: there is no gone.ts; link to where "x" is now.',
      ];

      expect(check(tour)).toEqual({ status: 1, said: [...plain, ...others, ''].join('\n') });
      expect(check('--write', tour)).toEqual({ status: 1, said: [...others, ''].join('\n') });
      expect(readFileSync(tour, 'utf8')).toContain('[`const one`](code.ts#L1)\n[`` `${one}` ``](code.ts#L2)');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
