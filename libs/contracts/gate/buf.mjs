// Runs buf. Its npm package starts a Node process only to find the program for this platform; that program is called directly where it is there.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const ARCHITECTURES = { linux: { arm64: 'aarch64', arm: 'armv7' } };
const program = findProgram();
// It lives for a tenth of a second; collecting its garbage would take a quarter of that.
const ENVIRONMENT = { ...process.env, GOGC: 'off' };

function findProgram() {
  const architecture = ARCHITECTURES[process.platform]?.[process.arch] ?? process.arch;
  const name = process.platform === 'win32' ? 'buf.exe' : 'buf';
  try {
    return [require.resolve(`@bufbuild/buf-${process.platform}-${architecture}/bin/${name}`)];
  } catch {
    return [process.execPath, join(dirname(require.resolve('@bufbuild/buf/package.json')), 'bin', 'buf')];
  }
}

/**
 * Runs buf in a folder.
 * @param {string} folder where buf.yaml is
 * @param {string[]} args
 * @param {Uint8Array} [input] what it reads from its standard input
 * @returns {Promise<{code: number, stdout: Buffer, stderr: string}>} buf ends with 0, with 100 if it found something, with another number if it failed
 * @throws Error if it cannot be started
 */
export function buf(folder, args, input) {
  return new Promise((resolve, reject) => {
    const [command, ...first] = program;
    const child = spawn(command, [...first, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], env: ENVIRONMENT });
    const stdout = [];
    const stderr = [];
    child.stdout.on('data', (chunk) => stdout.push(chunk));
    child.stderr.on('data', (chunk) => stderr.push(chunk));
    child.on('error', (error) => reject(new Error(`buf cannot be started (${error.message}); run npm ci.`)));
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }));
    // buf that has failed does not read on, which its exit code says.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/**
 * Runs one of buf's checks.
 * @returns {Promise<{path?: string, start_line: number, type: string, message: string}[]>} what it found
 * @throws Error if buf could not check
 */
export async function bufCheck(folder, args, input) {
  const { code, stdout, stderr } = await buf(folder, [...args, '--error-format=json'], input);
  if (code !== 0 && code !== 100) throw new Error(`buf ${args[0]} failed: ${stderr.trim() || stdout.toString().trim()}`);
  return parseFound(stdout.toString());
}

/** What buf prints with --error-format=json: one object on each line. */
export const parseFound = (printed) =>
  printed
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
