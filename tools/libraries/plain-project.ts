import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import ts from 'typescript';
import { libraries } from './readmes';

const ROOT = join(__dirname, '..', '..');
const SCOPE = '@past-tense/';
// The library for tests needs it; nothing else outside of libs/ is packed.
const BESIDE_LIBRARIES = ['infra/local'];
const RUN_TIMEOUT_MS = 60_000;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** What came of running a program. */
export interface Run {
  readonly code: number | null;
  /** Standard output and error, as they came. */
  readonly said: string;
}

/**
 * A Node project outside of this repository, with our libraries in it as `npm pack` makes them. Each of them finds what its package.json
 * declares and nothing else, because it has a folder of dependencies of its own (as pnpm lays them out). What is not ours is linked from
 * what is installed here, so nothing is downloaded.
 */
export class PlainProject {
  /** Where the programs are and what they need. */
  readonly #plain: string;

  /** @param folder for the project, and beside it the packed libraries: inside, they would find what the project has */
  private constructor(private readonly folder: string) {
    this.#plain = join(folder, 'plain');
  }

  /** @throws Error if a library declares a dependency that is not installed in that version */
  static make(): PlainProject {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'past-tense-plain-')));
    const project = new PlainProject(folder);
    try {
      for (const place of ['programs', 'dist']) mkdirSync(join(project.#plain, place), { recursive: true });
      writeFileSync(
        join(project.#plain, 'package.json'),
        JSON.stringify({ name: 'plain', version: '1.0.0', private: true, type: 'module' }),
      );
      for (const source of project.#pack()) project.#layOut(source);
      project.#link('@types/node', join(project.#plain, 'node_modules'));
      return project;
    } catch (error) {
      project.delete();
      throw error;
    }
  }

  /** Adds a program, in TypeScript if its file says so. What it imports that is not ours is installed for it. */
  add(file: string, code: string): void {
    writeFileSync(join(this.#plain, file.endsWith('.ts') ? 'programs' : 'dist', file), code);
    for (const imported of packagesOf(code)) if (!imported.startsWith(SCOPE)) this.#link(imported, join(this.#plain, 'node_modules'));
  }

  /**
   * Compiles the programs in TypeScript against the declarations that were packed, and checks those, too.
   * @returns what the compiler finds wrong in the programs and in our declarations
   */
  compile(): string[] {
    const programs = readdirSync(join(this.#plain, 'programs')).map((file) => join(this.#plain, 'programs', file));
    const program = ts.createProgram(programs, {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      types: ['node'],
      typeRoots: [join(this.#plain, 'node_modules', '@types')],
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      rootDir: join(this.#plain, 'programs'),
      outDir: join(this.#plain, 'dist'),
    });
    program.emit();
    return program
      .getSourceFiles()
      .filter(({ fileName }) => fileName.startsWith(this.folder + sep))
      .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map((found) => ts.formatDiagnostic(found, { ...ts.sys, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }).trim());
  }

  /** Runs a program that was added and compiled. */
  async run(name: string, env: NodeJS.ProcessEnv): Promise<Run> {
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [join('dist', `${name}.js`)], {
      cwd: this.#plain,
      env: { PATH, HOME, ...env },
      timeout: RUN_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    return await new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
  }

  /** What a packed library imports in its code and its declarations without declaring that it needs it. */
  undeclaredBy(library: string): string[] {
    const packed = this.#placeOf(SCOPE + library);
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8')) as Manifest;
    const importedBy = (kind: RegExp) =>
      this.filesOf(library)
        .filter((file) => kind.test(file))
        .flatMap((file) => packagesOf(readFileSync(join(packed, file), 'utf8')));
    const declared = { ...dependencies, ...peerDependencies };
    const missing = [
      ...importedBy(/\.c?js$/).filter((name) => !(name in declared)),
      ...importedBy(/\.d\.ts$/).filter((name) => !(name in declared) && !(`@types/${name}` in declared)),
    ];
    return [...new Set(missing)];
  }

  /** The files of a packed library. */
  filesOf(library: string): string[] {
    return readdirSync(this.#placeOf(SCOPE + library), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#placeOf(SCOPE + library).length + 1))
      .filter((file) => !file.startsWith('node_modules'));
  }

  delete(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @returns the folders whose packages were unpacked */
  #pack(): string[] {
    const sources = [...libraries.map((name) => join('libs', name)), ...BESIDE_LIBRARIES];
    const workspaces = sources.flatMap((source) => ['-w', source]);
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', this.folder, ...workspaces], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    for (const { name, filename } of JSON.parse(output) as { name: string; filename: string }[]) {
      mkdirSync(this.#placeOf(name), { recursive: true });
      execFileSync('tar', ['-xzf', join(this.folder, filename), '--strip-components=1', '-C', this.#placeOf(name)]);
    }
    return sources;
  }

  #layOut(source: string): void {
    const { name, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, source, 'package.json'), 'utf8')) as Manifest;
    const beside = join(this.#placeOf(name), '..', '..');
    for (const [needed, version] of Object.entries(dependencies)) this.#link(needed, beside, { source, version });
    this.#link(name, join(this.#plain, 'node_modules'));
  }

  /** A place in which nothing lies beside the package but what it declares. */
  #placeOf(name: string): string {
    return join(this.folder, 'packages', name.replace('/', '+'), 'node_modules', name);
  }

  #link(name: string, modules: string, by: { source: string; version?: string } = { source: '.' }): void {
    const place = join(modules, name);
    if (existsSync(place)) return;
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(name.startsWith(SCOPE) ? this.#placeOf(name) : installed(name, by), place);
  }
}

/** Where a package that is not ours lies, for one of our folders. */
function installed(name: string, { source, version }: { source: string; version?: string }): string {
  const place = [join(ROOT, source), ROOT].map((folder) => join(folder, 'node_modules', name)).find(existsSync);
  const found = place && (JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as { version: string }).version;
  if (!place || (version !== undefined && found !== version))
    throw new Error(`${source} needs ${name} ${version ?? ''}, and ${found ?? 'nothing of that name'} is installed; run npm ci.`);
  return realpathSync(place);
}

/** The packages that code imports, Node's own left out. */
function packagesOf(code: string): string[] {
  const { importedFiles } = ts.preProcessFile(code, true, true);
  const names = importedFiles.map(({ fileName }) => fileName).filter((name) => !/^(\.|node:)/.test(name) && !builtinModules.includes(name));
  return names.map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
}
