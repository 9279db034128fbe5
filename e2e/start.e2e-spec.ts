import { freePort, ROOT, SERVICES } from '@past-tense/local';
import { eventually } from '@past-tense/testing';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'past-tense-start-'));
  env = { ...process.env, PAST_TENSE_FOLDER: folder };
  for (const part of [...SERVICES, 'postgres', 'kafka', 'registry']) env[`${part.toUpperCase()}_PORT`] = String(await freePort());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcess;
  said(): string;
  readonly exit: Promise<number | null>;
}

function start(args: string[] = [], change: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, [join(ROOT, 'infra', 'local', 'dist', 'start.js'), ...args], { env: { ...env, ...change } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => said, exit: new Promise((resolve) => child.once('exit', resolve)) };
}

/** Processes that belong to this folder. */
function left(): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder));
}

describe('npm start', () => {
  it('stays up, and starts a service again that was killed', async () => {
    const run = start();
    await eventually(() => expect(run.said()).toContain('Stop: Ctrl-C'), 60_000);
    const { parts } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as { parts: { name: string; pid: number }[] };
    process.kill(parts.find(({ name }) => name === 'payments')!.pid, 'SIGKILL');
    await eventually(() => expect(run.said()).toContain('payments ended by itself and is started again'));
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${env['PAYMENTS_PORT']}/health/ready`)).status).toBe(200));

    run.child.kill('SIGKILL');
    await run.exit;
    expect(left().length).toBeGreaterThan(0);
  });

  it('clears away what a start that was killed left behind; --once starts everything, follows one order and stops with 0', async () => {
    const run = start(['--once']);
    expect([await run.exit, run.said()]).toEqual([0, expect.stringContaining('order-completed') as string]);
    expect(run.said()).toContain('An earlier start had left');
    for (const part of ['PostgreSQL', 'Kafka', 'Schema registry', ...SERVICES]) expect(run.said()).toContain(part);
    expect(run.said()).toMatch(/correlation id [0-9a-f-]{36}/);
    expect(left()).toEqual([]);
  });
});

describe('what keeps it from starting is said in a sentence, without a stack trace', () => {
  const expectSentence = async (run: Run, sentence: string | RegExp) => {
    expect(await run.exit).toBe(1);
    expect(run.said()).toMatch(sentence);
    expect(run.said()).not.toMatch(/^\s+at /m);
    expect(left()).toEqual([]);
  };

  it('a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(Number(env['ORDERS_PORT']), '127.0.0.1', resolve));

    await expectSentence(
      start(),
      new RegExp(`Port ${env['ORDERS_PORT']}, which orders needs, is taken by another program; .* ORDERS_PORT=<port> npm start`),
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it('a port that is none', async () => {
    await expectSentence(start([], { KAFKA_PORT: 'nine' }), /KAFKA_PORT must be a port from 1 to 65535/);
  });

  it('a missing Java', async () => {
    const bin = join(folder, 'bin-without-java');
    mkdirSync(bin, { recursive: true });
    for (const tool of ['ps', 'id', 'unshare', 'true']) {
      const found = process.env['PATH']!.split(delimiter)
        .map((path) => join(path, tool))
        .find(existsSync);
      if (found && !existsSync(join(bin, tool))) symlinkSync(found, join(bin, tool));
    }
    await expectSentence(start([], { PATH: bin }), /Java is missing.*install a Java runtime of version 17 or later/);
  });

  it('a broken data folder', async () => {
    writeFileSync(join(folder, 'data', 'postgres', 'PG_VERSION'), '9\n');

    await expectSentence(start(), /PostgreSQL does not start with the data in .*; start with --fresh to begin with an empty one/);
  });

  it('an option it does not know', async () => {
    await expectSentence(start(['--twice']), /Unknown option '--twice'/);
  });

  it('--fresh begins with an empty one; Ctrl-C stops it without a trace, and keeps the data', async () => {
    const run = start(['--fresh']);
    await eventually(() => expect(run.said()).toContain('Stop: Ctrl-C'), 60_000);

    run.child.kill('SIGINT');
    expect(await run.exit).toBe(130);
    expect(left()).toEqual([]);
    expect(readdirSync(join(folder, 'data')).sort()).toEqual(['issuer', 'kafka', 'postgres', 'registry']);
  });
});
