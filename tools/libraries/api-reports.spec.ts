import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { libraries } from './readmes';

const ROOT = join(__dirname, '..', '..');

describe('what the libraries let out', () => {
  it('is what is recorded, and a change is named with what to do about it', () => {
    // The fixture is the only one whose record is another.
    const folders = [...libraries.map((library) => join('libs', library)), 'tools/libraries/fixtures/greeting'];
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(__dirname, 'api-reports.mjs'), ...folders], {
      cwd: ROOT,
      encoding: 'utf8',
    });

    expect({ said: stdout.trim().split('\n'), stderr }).toEqual({
      said: [
        'What greeting lets out has changed (gone is "export function greet(name: string): string;", ' +
          'new is "export function greet(name: string, warmly: boolean): string;"); if it is meant, run npm run generate ' +
          'and commit tools/libraries/fixtures/greeting/greeting.api.md.',
      ],
      stderr: '',
    });
    expect(status).toBe(1);
  });
});
