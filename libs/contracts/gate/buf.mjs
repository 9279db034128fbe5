// Runs buf: the program of this platform, directly. The script of its npm package would start a Node process only to find it.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const ARCHITECTURES = { linux: { arm64: 'aarch64', arm: 'armv7' } };
// It lives for a tenth of a second; collecting its garbage would take a quarter of that.
const ENVIRONMENT = { ...process.env, GOGC: 'off' };

function findProgram() {
  const architecture = ARCHITECTURES[process.platform]?.[process.arch] ?? process.arch;
  const name = `@bufbuild/buf-${process.platform}-${architecture}`;
  try {
    return require.resolve(`${name}/bin/${process.platform === 'win32' ? 'buf.exe' : 'buf'}`);
  } catch {
    throw new Error(`${name} is not installed; run npm ci, without --omit=optional.`);
  }
}

/**
 * Runs buf in a folder.
 * @param {string} folder where buf.yaml is
 * @param {string[]} args
 * @param {Uint8Array} [input] what it reads from its standard input
 * @returns {Promise<{code: number, stdout: Buffer, stderr: string}>} buf ends with 0, with 100 if it found something, with another number if it failed
 * @throws Error if it cannot be started, or was ended before it was done
 */
export async function buf(folder, args, input) {
  const program = findProgram();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], env: ENVIRONMENT });
    const stdout = [];
    const stderr = [];
    child.stdout.on('data', (chunk) => stdout.push(chunk));
    child.stderr.on('data', (chunk) => stderr.push(chunk));
    child.on('error', (error) => reject(new Error(`buf cannot be started (${error.message}); run npm ci.`)));
    child.on('close', (code, signal) => {
      if (signal) reject(new Error(`buf was ended by ${signal} before it was done; see to memory and run it again.`));
      else resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
    // buf that has failed does not read on, which its exit code says.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/**
 * Compiles the contracts.
 * @returns {Promise<{image: Buffer, found: object[]}>} the image, or what could not be compiled
 * @throws Error if buf could not compile and does not say where
 */
export async function bufBuild(folder) {
  const { code, stdout, stderr } = await buf(folder, ['build', '-o', '-', '--error-format=json']);
  if (code === 0 && stdout.length > 0) return { image: stdout, found: [] };
  const found = code === 0 ? [] : parseFound(stdout.toString() + stderr);
  if (found.length === 0) throw failure('build', code, stderr);
  return { image: stdout, found };
}

/**
 * Runs one of buf's checks.
 * @returns {Promise<{path?: string, start_line: number, type: string, message: string}[]>} what it found
 * @throws Error if buf could not check
 */
export async function bufCheck(folder, args, input) {
  const { code, stdout, stderr } = await buf(folder, [...args, '--error-format=json'], input);
  const found = parseFound(stdout.toString());
  if ((code !== 0 && code !== 100) || (code === 100 && found.length === 0))
    throw failure(args[0], code, stderr.trim() || stdout.toString());
  return found;
}

function failure(command, code, said) {
  const words = said.trim().replace(/\s+/g, ' ').replace(/\.$/, '');
  const remedy = words ? 'correct what it names' : 'run npm ci, which installs it anew';
  return new Error(`buf ${command} failed (${words || `it ended with ${code} and said nothing`}); ${remedy}.`);
}

/** What buf prints with --error-format=json: one object on each line, among which may be lines of its log. */
const parseFound = (printed) =>
  printed
    .split('\n')
    .filter((line) => /^\{.*\}$/.test(line))
    .map((line) => JSON.parse(line))
    .filter(({ message }) => message !== undefined);
