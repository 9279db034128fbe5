import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './root';

// In a process of its own, with a place for temporary files of its own: slices that others really have are left alone.
const PROGRAM = `
  const { writeFileSync, readFileSync } = require('node:fs');
  const { freePort } = require(process.argv[1]);
  const fileOf = (slice) => process.env.TMPDIR + '/past-tense-ports-' + slice;
  const mine = process.pid % 120;
  const slices = [mine, (mine + 1) % 120, (mine + 2) % 120];
  for (const slice of slices.slice(0, 2)) writeFileSync(fileOf(slice), String(process.ppid));
  writeFileSync(fileOf(slices[2]), String(2 ** 30)); // Nobody has this id: whoever had the slice has ended.
  (async () => {
    const ports = [await freePort(), await freePort()];
    const kept = readFileSync(fileOf(slices[2]), 'utf8') === String(process.pid);
    console.log(JSON.stringify({ places: ports.map((port) => slices.indexOf(Math.floor((port - 20_000) / 100))), differ: ports[0] !== ports[1], kept }));
  })();`;

it('a free port is not among those of another process that lives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-ports-of-test-'));
  const said = execFileSync(process.execPath, ['-e', PROGRAM, join(ROOT, 'infra', 'local', 'dist', 'index.js')], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: folder },
  });
  rmSync(folder, { recursive: true });

  expect(JSON.parse(said)).toEqual({ places: [2, 2], differ: true, kept: true });
});
