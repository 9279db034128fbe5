import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(__dirname, '..', '..', '..');
const run = promisify(execFile);
const LEFT_OUT = new Set(['node_modules', '.git', '.nx', '.past-tense']);
const WORKSPACE = '@past-tense';

/** A copy of this checkout with what is compiled, which shares the installed packages. */
export class Checkout {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'past-tense-checkout-')));

  constructor() {
    cpSync(ROOT, this.root, { recursive: true, preserveTimestamps: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
    for (const folder of foldersWithPackages(ROOT)) this.#share(folder);
    // Kafka and the registry, which are the same for everybody.
    mkdirSync(join(this.root, '.past-tense'));
    symlinkSync(join(ROOT, '.past-tense', 'jars'), join(this.root, '.past-tense', 'jars'));
  }

  /**
   * Runs a program of Node's.
   * @throws Error with what it said, if it fails
   */
  async node(program: string, ...args: string[]): Promise<void> {
    try {
      await run(process.execPath, [program, ...args], { cwd: this.root, maxBuffer: 64 * 1_048_576 });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${relative(this.root, program)} ${args.join(' ')} failed:\n${stdout}${stderr}`);
    }
  }

  /** Runs one of the installed tools. */
  async tool(name: string, ...args: string[]): Promise<void> {
    await this.node(realpathSync(join(ROOT, 'node_modules', '.bin', name)), ...args);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Links the installed packages; those of the workspace are links already, and lead to the copy. */
  #share(folder: string): void {
    const [from, to] = [join(ROOT, folder), join(this.root, folder)];
    mkdirSync(join(to, WORKSPACE), { recursive: true });
    for (const name of readdirSync(from).filter((one) => one !== WORKSPACE)) symlinkSync(join(from, name), join(to, name));
    if (!existsSync(join(from, WORKSPACE))) return;
    for (const name of readdirSync(join(from, WORKSPACE)))
      symlinkSync(join(this.root, relative(realpathSync(ROOT), realpathSync(join(from, WORKSPACE, name)))), join(to, WORKSPACE, name));
  }
}

function foldersWithPackages(root: string): string[] {
  const places = [
    '.',
    'tools',
    ...['apps', 'libs', 'infra', 'tools'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(kind, name))),
  ];
  return places.map((place) => join(place, 'node_modules')).filter((folder) => existsSync(join(root, folder)));
}
